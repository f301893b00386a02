/** Defaults and bounds of a gateway. Times are milliseconds, sizes bytes, where nothing else is said. */

/** How long a request waits for others to share its query with. */
export const DEFAULT_BATCH_DELAY = 5
/** Largest body of a request. */
export const DEFAULT_BODY_LIMIT = 32 * 2 ** 20
/** From a request's arrival until its answer must be there. */
export const DEFAULT_TIMEOUT = 300_000
/** Requests that wait for an answer at once. */
export const MAXIMUM_REQUESTS = 1024
/** Connections at once: more are closed. */
export const MAXIMUM_CONNECTIONS = 2048
/** Queries of one model and grant that run at once; a batch that is not full waits until none does. */
export const MAXIMUM_IN_FLIGHT = 4
/** Samples of one model and grant that wait, in batches of its plan. */
export const MAXIMUM_WAITING_BATCHES = 32
/** How old what is known of the models may be. */
export const CATALOGUE_AGE = 2_000
/** How soon after the last look an unknown name makes for another. */
export const CATALOGUE_PAUSE = 250
/** How long a grant that is spent is not tried again. */
export const SPENT_FOR = 600_000
/** How long requests may take to their end when the gateway is stopped. */
export const STOP_PATIENCE = 20_000
