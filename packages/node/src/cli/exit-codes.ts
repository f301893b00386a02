/** Exit codes of `slytherin`. */
export const EXIT_OK = 0
/** It was tried and failed: a party is missing, a session was aborted, a file could not be opened. */
export const EXIT_FAILURE = 1
/** It was not tried: wrong usage, or a configuration that cannot be used. */
export const EXIT_USAGE = 2
