/** What commands see of the party that answers them. */
import type { Role } from '@slytherin/protocol'
import type { ServiceConfiguration } from '../configuration/service-schema.js'
import type { RosterReport } from '../control/reports.js'
import type { Libp2pTransport } from '../network/transport.js'
import type { PeerNames } from '../party/names.js'
import type { ServiceDatabase } from '../storage/service-database.js'
import type { RestartingCore } from './core.js'
import type { ErrorLog } from './error-log.js'
import type { KeyProgress } from './key-progress.js'
import type { PlanCache } from './plan-cache.js'

export interface ServiceContext {
  readonly self: string
  readonly configuration: ServiceConfiguration
  readonly roles: readonly Role[]
  /** Peer id of the evaluator through which this party speaks. */
  readonly evaluator: string
  readonly names: PeerNames
  readonly transport: Pick<Libp2pTransport, 'addresses' | 'bytes' | 'clockOffset' | 'connectedPeers'>
  readonly database: ServiceDatabase
  readonly core: RestartingCore
  readonly errors: ErrorLog
  readonly keyProgress: KeyProgress
  readonly plans: PlanCache
  /** When the process was started, milliseconds since 1970. */
  readonly started: number
  /** Reads the roster of its configuration again. @throws ConfigurationError, and nothing changes */
  reloadRoster(): Promise<RosterReport>
}
