/** The largest node of the openb cluster, by which CPU and GPU are made comparable: 128 cores, 8 GPUs. */
export const CPU_SCALE_MILLI = 128_000;
export const GPU_SCALE_MILLI = 8_000;
