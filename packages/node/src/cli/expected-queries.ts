/** What `--expected-queries` says of itself, wherever something is planned. */
export const EXPECTED_QUERIES_HELP =
  'queries that keys and the encrypted model are made for once: for many it is worth to make more of both, so that a query sends less (default: what the costs say, as for four)'
