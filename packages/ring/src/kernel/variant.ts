/** `simd`, `revectorised` and `fallback` are told apart in kernel.ts. */
export type KernelVariant = 'simd' | 'revectorised' | 'fallback'
