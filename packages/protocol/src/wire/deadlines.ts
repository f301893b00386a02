/** How long parties wait for each other, in milliseconds. */

export interface Deadlines {
  /** A peer that neither answers a request nor a ping for this long is missing. Default 25 s. */
  idle: number
  /** How long the coordinator waits for the roster to come up. Default 5 min. */
  roster: number
  /** The longest that one request may take, pings answered or not. Default 15 min. */
  longest: number
  /** How often an evaluation tells its querier that it is alive. Default 5 s. */
  heartbeat: number
}

/** What holds where a party is given nothing else. */
export const DEFAULT_DEADLINES: Deadlines = { idle: 25_000, roster: 300_000, longest: 900_000, heartbeat: 5_000 }
