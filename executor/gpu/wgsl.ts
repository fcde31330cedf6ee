/**
 * The kernels of ptx.ts for any adapter, in WGSL: tiles of 16 x 16 through workgroup memory, one entry of the product a thread. Sides
 * are multiples of the challenge's step. `params`: side, modulus.
 */

export const BLOCK = 16;

function matmul(type: 'f32' | 'u32'): string {
  const reduce = type === 'u32' ? 'sum = sum % params.y;' : '';
  return `
@group(0) @binding(0) var<storage, read> a: array<${type}>;
@group(0) @binding(1) var<storage, read> b: array<${type}>;
@group(0) @binding(2) var<storage, read_write> c: array<${type}>;
@group(0) @binding(3) var<uniform> params: vec4<u32>;
var<workgroup> ta: array<${type}, ${BLOCK * BLOCK}>;
var<workgroup> tb: array<${type}, ${BLOCK * BLOCK}>;
@compute @workgroup_size(${BLOCK}, ${BLOCK})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_id) at: vec3<u32>) {
  let n = params.x;
  var sum: ${type} = 0;
  for (var first: u32 = 0; first < n; first += ${BLOCK}) {
    ta[at.y * ${BLOCK} + at.x] = a[id.y * n + first + at.x];
    tb[at.y * ${BLOCK} + at.x] = b[(first + at.y) * n + id.x];
    workgroupBarrier();
    for (var k: u32 = 0; k < ${BLOCK}; k++) {
      sum += ta[at.y * ${BLOCK} + k] * tb[k * ${BLOCK} + at.x];
    }
    ${reduce}
    workgroupBarrier();
  }
  c[id.y * n + id.x] = sum;
}`;
}

/** C = A B, single precision. */
export const matmulF32 = matmul('f32');
/** C = A B mod q: 16 products below 2^24 and a residue stay below 2^32. */
export const matmulMod = matmul('u32');
