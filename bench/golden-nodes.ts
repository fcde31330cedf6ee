/**
 * `npm run golden:nodes`: the golden runs under every supported major version of Node, one after another. The npm package
 * `node` carries the binaries; nothing is installed into the project.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const majors = [20, 22, 24];
const golden = fileURLToPath(new URL('./golden.js', import.meta.url));

let failed = 0;
for (const major of majors) {
  const done = spawnSync('npm', ['exec', '--yes', `--package=node@${major}`, '--', 'node', golden], {
    stdio: 'inherit',
  });
  if (done.status !== 0) failed++;
}
process.stdout.write(
  `golden on Node ${majors.join(', ')}: ${majors.length - failed} versions passed, ${failed} failed\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
