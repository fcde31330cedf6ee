/**
 * Kernels of the built-in GPU work as PTX text, NVIDIA's portable assembly: every driver compiles it for its own card, so nothing
 * but the driver is needed. Generated rather than written out because the inner loops are unrolled.
 *
 *   matmul_f32(A, B, C, n)      C = A B, single precision
 *   matmul_mod(A, B, C, n, q)   C = A B mod q over 32-bit residues, the challenge of mechanisms/verification
 *   copy(from, to, count)       `count` pieces of 16 bytes
 *
 * Matrices are row-major with a side that is a multiple of TILE; blocks have THREADS threads. Each block makes a tile of 64 x 64,
 * each thread 4 x 4 of it, through shared memory (the usual register blocking; nothing here uses tensor cores).
 */

/** Side of the tile that a block computes: sides of matrices are multiples of it. */
export const TILE = 64;
export const THREADS = 256;
/** Depth of the tiles that pass through shared memory. */
const DEPTH = 16;
/** Tiles after which residues are reduced: 16 x 16 products below 2^24 and a residue stay below 2^32. */
const REDUCE = 16;

export const kernels = (): string => `.version 6.4
.target sm_50
.address_size 64
${matmul(false)}${matmul(true)}${copy()}`;

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

function matmul(modular: boolean): string {
  const name = modular ? 'matmul_mod' : 'matmul_f32';
  const type = modular ? 'u32' : 'f32';
  const v = modular ? '%v' : '%f';
  const acc = (i: number, j: number): string => `${v}${4 * i + j}`;
  const a = (i: number): string => `${v}${16 + i}`;
  const b = (j: number): string => `${v}${20 + j}`;
  const four = (base: number): string => `{${range(4).map((i) => `${v}${base + i}`)}}`;
  const lines: string[] = [];
  const o = (text: string): number => lines.push(`  ${text}`);
  o(`.reg .pred %p<3>; .reg .b32 %r<24>; .reg .b64 %rd<16>; .reg .${modular ? 'b32 %v' : 'f32 %f'}<32>;`);
  o(`.shared .align 16 .b8 ${name}_a[${4 * TILE * DEPTH}]; .shared .align 16 .b8 ${name}_b[${4 * TILE * DEPTH}];`);
  for (const [i, p] of ['a', 'b', 'c'].entries()) {
    o(`ld.param.u64 %rd${i}, [${name}_p${p}]; cvta.to.global.u64 %rd${i}, %rd${i};`);
  }
  o(`ld.param.u32 %r0, [${name}_n];`);
  if (modular) o(`ld.param.u32 %r20, [${name}_q];`);
  o('mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ctaid.y;');
  o('shl.b32 %r4, %r3, 6; shl.b32 %r5, %r2, 6;'); // first row and column of the tile
  o('and.b32 %r6, %r1, 15; shr.u32 %r7, %r1, 4;'); // column and row of the thread
  // What this thread brings: of A row tid/4, four numbers from column 4 (tid mod 4); of B row tid/16, four from column 4 (tid mod 16).
  o('shr.u32 %r8, %r1, 2; and.b32 %r9, %r1, 3; shl.b32 %r9, %r9, 2;');
  o('add.u32 %r10, %r4, %r8; mul.wide.u32 %rd3, %r10, %r0; cvt.u64.u32 %rd4, %r9; add.u64 %rd3, %rd3, %rd4;');
  o('shl.b64 %rd3, %rd3, 2; add.u64 %rd5, %rd0, %rd3;');
  o('shl.b32 %r11, %r6, 2; add.u32 %r12, %r5, %r11; mul.wide.u32 %rd6, %r7, %r0; cvt.u64.u32 %rd7, %r12;');
  o('add.u64 %rd6, %rd6, %rd7; shl.b64 %rd6, %rd6, 2; add.u64 %rd8, %rd1, %rd6;');
  o(`mul.wide.u32 %rd9, %r0, ${4 * DEPTH};`); // bytes between tiles of B
  // Where it puts them: A is kept transposed, so that four rows of a column lie together.
  o(`mov.u32 %r13, ${name}_a; shl.b32 %r14, %r9, 6; add.u32 %r14, %r14, %r8; shl.b32 %r14, %r14, 2;`);
  o('add.u32 %r14, %r13, %r14;');
  o(`mov.u32 %r15, ${name}_b; shl.b32 %r16, %r1, 4; add.u32 %r16, %r15, %r16;`);
  o('shl.b32 %r17, %r7, 4; add.u32 %r17, %r13, %r17; shl.b32 %r18, %r6, 4; add.u32 %r18, %r15, %r18;');
  for (const i of range(16)) o(modular ? `mov.u32 ${v}${i}, 0;` : `mov.f32 ${v}${i}, 0f00000000;`);
  o('mov.u32 %r19, 0;'); // columns of A done
  if (modular) o('mov.u32 %r21, 0;');
  lines.push(`${name}_loop:`);
  o(`ld.global.v4.${type} ${four(24)}, [%rd5]; ld.global.v4.${type} ${four(28)}, [%rd8];`);
  for (const i of range(4)) o(`st.shared.${type} [%r14+${4 * TILE * i}], ${v}${24 + i};`);
  o(`st.shared.v4.${type} [%r16], ${four(28)};`);
  o('bar.sync 0;');
  for (const k of range(DEPTH)) {
    o(
      `ld.shared.v4.${type} ${four(16)}, [%r17+${4 * TILE * k}]; ld.shared.v4.${type} ${four(20)}, [%r18+${4 * TILE * k}];`,
    );
    for (const i of range(4)) {
      for (const j of range(4))
        o(`${modular ? 'mad.lo.u32' : 'fma.rn.f32'} ${acc(i, j)}, ${a(i)}, ${b(j)}, ${acc(i, j)};`);
    }
  }
  o('bar.sync 0;');
  if (modular) {
    o(`add.u32 %r21, %r21, 1; setp.lt.u32 %p1, %r21, ${REDUCE}; @%p1 bra ${name}_next;`);
    o('mov.u32 %r21, 0;');
    for (const i of range(16)) o(`rem.u32 ${v}${i}, ${v}${i}, %r20;`);
    lines.push(`${name}_next:`);
  }
  o(`add.u64 %rd5, %rd5, ${4 * DEPTH}; add.u64 %rd8, %rd8, %rd9; add.u32 %r19, %r19, ${DEPTH};`);
  o(`setp.lt.u32 %p0, %r19, %r0; @%p0 bra ${name}_loop;`);
  if (modular) for (const i of range(16)) o(`rem.u32 ${v}${i}, ${v}${i}, %r20;`);
  o('shl.b32 %r22, %r7, 2; add.u32 %r22, %r4, %r22; mul.wide.u32 %rd10, %r22, %r0; cvt.u64.u32 %rd11, %r12;');
  o('add.u64 %rd10, %rd10, %rd11; shl.b64 %rd10, %rd10, 2; add.u64 %rd10, %rd2, %rd10; mul.wide.u32 %rd12, %r0, 4;');
  for (const i of range(4)) {
    o(`st.global.v4.${type} [%rd10], ${four(4 * i)};`);
    if (i < 3) o('add.u64 %rd10, %rd10, %rd12;');
  }
  o('ret;');
  const pointers = ['a', 'b', 'c'].map((p) => `.param .u64 ${name}_p${p}`);
  const parameters = [...pointers, `.param .u32 ${name}_n`, ...(modular ? [`.param .u32 ${name}_q`] : [])];
  return `.visible .entry ${name}(${parameters.join(', ')})\n.maxntid ${THREADS}, 1, 1\n{\n${lines.join('\n')}\n}\n`;
}

/** One piece for each thread. */
function copy(): string {
  return `.visible .entry copy(.param .u64 copy_from, .param .u64 copy_to, .param .u32 copy_count)
.maxntid ${THREADS}, 1, 1
{
  .reg .pred %p<2>; .reg .b32 %r<8>; .reg .b64 %rd<8>;
  ld.param.u64 %rd0, [copy_from]; cvta.to.global.u64 %rd0, %rd0;
  ld.param.u64 %rd1, [copy_to]; cvta.to.global.u64 %rd1, %rd1;
  ld.param.u32 %r0, [copy_count];
  mov.u32 %r1, %ctaid.x; mov.u32 %r2, %tid.x;
  mad.lo.u32 %r3, %r1, ${THREADS}, %r2;
  setp.ge.u32 %p0, %r3, %r0; @%p0 bra copy_end;
  mul.wide.u32 %rd2, %r3, 16;
  add.u64 %rd3, %rd0, %rd2; add.u64 %rd4, %rd1, %rd2;
  ld.global.v4.u32 {%r4, %r5, %r6, %r7}, [%rd3];
  st.global.v4.u32 [%rd4], {%r4, %r5, %r6, %r7};
copy_end:
  ret;
}
`;
}
