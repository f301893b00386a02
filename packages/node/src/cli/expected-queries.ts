/** What `--expected-queries` and `--workers` say of themselves, wherever something is planned. */
export const EXPECTED_QUERIES_HELP =
  'queries that keys and the encrypted model are made for once: for many it is worth to make more of both, so that a query sends less (default: what the costs say, as for four)'
export const WORKERS_HELP =
  'of a fleet, that blocks of a query are divided among: plan so that so many of them are done soonest (default: 1)'
