/** Bounds on what the parties agree on, known before there is a plan. */

/** Peer ids, query ids, instance names, steps and other short texts. */
export const MAXIMUM_TEXT_BYTES = 512
export const MAXIMUM_DESCRIPTOR_BYTES = 8 << 20
export const MAXIMUM_PARTIES = 256
