// Which of the three builds this is. The build script replaces this file's text per build; the values below are those of the `simd` build.

/** True when relaxed_madd is known to be fused: products are corrected in floating point. False: 64-bit integer products. */
export const FUSED: bool = true
