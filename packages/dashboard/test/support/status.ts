/** A status as a party tells it, in which a test changes what it is about. */
import { type DashboardStatus, type QueryHistory, STATUS_VERSION } from '@slytherin/dashboard'

/** 2026-01-02 03:04:05 UTC. */
export const NOW = Date.UTC(2026, 0, 2, 3, 4, 5)

export function statusOf(changes: Partial<DashboardStatus> = {}): DashboardStatus {
  return {
    version: STATUS_VERSION,
    time: NOW,
    party: {
      name: 'holder-1',
      peer: '12D3KooWA',
      roles: ['key-holder'],
      software: '0.1.0',
      started: NOW - 90_000,
      bytesSent: 1_234_567,
      bytesReceived: 999,
      memoryBytes: 150e6,
      restarts: 0
    },
    missing: [],
    peers: [],
    epochs: [],
    models: [],
    grants: [],
    queries: [],
    events: [],
    errors: [],
    ...changes
  }
}

export function queryOf(changes: Partial<QueryHistory> = {}): QueryHistory {
  return {
    query: 'c0ffee00c0ffee00c0ffee00c0ffee00',
    model: 'tumours',
    querier: 'querier-1',
    samples: 8,
    states: [],
    phases: {},
    steps: [],
    retries: 0,
    shares: {},
    endorsements: 0,
    ...changes
  }
}
