/**
 * The notebooks as a static site: Observable Notebook Kit under our own Vite, with everything that the kit would fetch from another
 * host taken from node_modules, or absent with a message when it is not installed. `npm run notebooks:build` writes site/.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { config, observable } from '@observablehq/notebook-kit/vite';
import { defineConfig, type Plugin } from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const ELSEWHERE = /https:\/\/[\w.-]+\/npm\/((?:@[\w.-]+\/)?[\w.-]+)(?:@[\w.^~-]+)?(?:\/\+esm)?(?=["'`])/g;
const STYLES = /https:\/\/[\w.-]+\/npm\/((?:@[\w.-]+\/)?[\w.-]+)(?:@[\w.^~-]+)?(\/[\w./-]+\.css)/g;
const ABSENT = '\0absent:';

function offline(): Plugin {
  return {
    name: 'offline',
    enforce: 'pre',
    async resolveId(id, from) {
      if (id.startsWith(ABSENT)) return id;
      // DuckDB and its 34 MB are not shipped: tables are read with hyparquet.
      if (id === './duckdb.js' && from?.includes('notebook-kit') === true) return `${ABSENT}duckdb`;
      if (id.startsWith('npm:')) return this.resolve(id.slice(4).replace(/(?<=.)@[^/]+/, ''), from);
      if (from !== undefined && /^[@a-z]/.test(id) && !id.includes(':')) {
        const found = await this.resolve(id, from, { skipSelf: true });
        return found ?? ABSENT + id;
      }
      return null;
    },
    load(id) {
      if (!id.startsWith(ABSENT)) return null;
      const name = id.slice(ABSENT.length);
      return `throw new Error(${JSON.stringify(`${name} is not part of these notebooks; install it with npm and build again`)})`;
    },
    transform(code, id) {
      if (id.split('?')[0]!.endsWith('notebook-kit/dist/src/runtime/define.js'))
        return { code: cleared(code), map: null };
      if (!/https:\/\/[\w.-]+\/npm\//.test(code)) return null;
      return { code: code.replace(STYLES, '$1$2').replace(ELSEWHERE, '$1'), map: null };
    },
  };
}

/** As shipped, what a cell has shown stays when the cell runs again and shows nothing: a message would outlive its cause. */
function cleared(code: string): string {
  const line = 'const version = v._version;';
  if (!code.includes(line)) throw new Error('notebook-kit has changed: see cleared() in notebooks/vite.config.ts');
  return code.replace(line, `${line} state.autoclear = true;`);
}

const kit = config();
const aliases = (kit.resolve?.alias ?? []) as { find: RegExp; replacement: string }[];

export default defineConfig({
  ...kit,
  root: here('.'),
  base: './',
  resolve: { alias: aliases.filter((a) => !String(a.find).includes('npm:') && !String(a.find).includes('jsr')) },
  plugins: [offline(), observable({ template: here('./page.html') })],
  optimizeDeps: {
    noDiscovery: true,
    include: ['d3', '@observablehq/plot', '@observablehq/inputs', 'htl', 'hyparquet'],
  },
  server: { host: '127.0.0.1', port: 5199, strictPort: true, fs: { allow: ['..'] } },
  worker: { format: 'es' },
  build: {
    outDir: here('../site'),
    emptyOutDir: true,
    target: 'es2022',
    chunkSizeWarningLimit: 2000,
    rollupOptions: {
      shimMissingExports: true,
      input: readdirSync(here('.'))
        .filter((f) => f.endsWith('.html') && f !== 'page.html')
        .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
        .map((f) => here(f)),
    },
  },
});
