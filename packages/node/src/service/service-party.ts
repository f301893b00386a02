/**
 * A party of a standing service as a process that runs until it is stopped: state directory, identity, connections, a socket for commands, and the flows of its roles
 * over durable stores. It may be killed at any instant; started again it goes on.
 */
import { type AssistancePolicy, RemoteFailureError, type Role, rolesOf } from '@slytherin/protocol'
import type { Logger } from 'pino'
import { ConfigurationError } from '../configuration/errors.js'
import { loadServiceConfiguration } from '../configuration/load.js'
import type { ServiceConfiguration } from '../configuration/service-schema.js'
import { controlAddress } from '../control/address.js'
import { CommandRefusedError } from '../control/errors.js'
import type { RosterReport } from '../control/reports.js'
import { ControlServer } from '../control/server.js'
import { AuditLog } from '../monitoring/audit-log.js'
import { Chronicle } from '../monitoring/chronicle.js'
import { History, type Traffic } from '../monitoring/history.js'
import { PartyMetrics } from '../monitoring/metrics.js'
import { MonitorServer } from '../monitoring/server.js'
import type { TransportPeer } from '../network/carrier.js'
import { protocolFailures } from '../network/failures.js'
import { Libp2pTransport } from '../network/transport.js'
import { PeerNames } from '../party/names.js'
import { ContentDirectory } from '../storage/content-directory.js'
import { openIdentity, signerOf } from '../storage/identity.js'
import { forgetPassphrase, keySourceOf, loadKeyMaterial } from '../storage/key-source.js'
import { ServiceDatabase } from '../storage/service-database.js'
import { StateLock, statePaths } from '../storage/state-directory.js'
import { VERSION } from '../version.js'
import type { CryptographyWorkerOptions } from '../worker/cryptography-worker.js'
import type { ServiceContext } from './context.js'
import { RestartingCore } from './core.js'
import { dashboardStatus } from './dashboard-status.js'
import { ErrorLog } from './error-log.js'
import { figuresOf, missing } from './figures.js'
import { consoleHandlers } from './handlers.js'
import { KeyProgress } from './key-progress.js'
import { Outlet } from './outlet.js'
import { PlanCache } from './plan-cache.js'

/** What a party of a service is given beside its configuration. */
export interface ServicePartyInit {
  /** Its configuration's file: read again when the roster changes. */
  readonly file: string
  /** Every line about a query has its name in the field `query`. */
  readonly logger: Logger
  /** Another module to host in the worker. */
  readonly worker?: CryptographyWorkerOptions
  /** What is worth a line to whoever watches. */
  readonly onLine?: (text: string) => void
}

/** A party of a standing service as a process: database, network, cryptography worker, control socket, metrics and dashboard. */
export class ServiceParty implements ServiceContext {
  readonly started = Date.now()
  readonly errors = new ErrorLog()
  readonly keyProgress = new KeyProgress()
  readonly plans = new PlanCache()
  #names: PeerNames
  #configuration: ServiceConfiguration
  #stopping: Promise<void> | undefined
  readonly #ended = Promise.withResolvers<void>()

  private constructor(
    configuration: ServiceConfiguration,
    /** What it was given beside its configuration. */
    readonly init: ServicePartyInit,
    private readonly lock: StateLock,
    readonly transport: Libp2pTransport,
    readonly database: ServiceDatabase,
    readonly core: RestartingCore,
    readonly chronicle: Chronicle,
    private readonly metrics: PartyMetrics | undefined,
    private readonly history: History | undefined,
    names: PeerNames
  ) {
    this.#configuration = configuration
    this.#names = names
  }

  /**
   * @throws ConfigurationError when the roster does not fit the identity
   * @throws StorageError for what is wrong with the state directory
   */
  static async open(configuration: ServiceConfiguration, init: ServicePartyInit): Promise<ServiceParty> {
    const paths = statePaths(configuration.state)
    const undo: (() => Promise<void> | void)[] = []
    try {
      const lock = await StateLock.acquire(paths)
      undo.push(() => lock.dispose())
      const keySource = keySourceOf(configuration)
      using material = await loadKeyMaterial(keySource)
      const identity = await openIdentity(paths.identity, material)
      demandSelf(configuration, identity.peer, init.file)
      const database = new ServiceDatabase(paths.records)
      undo.push(() => database.dispose())
      const contents = new ContentDirectory(paths.contents)
      // Of the party, once it is there: what happens before has nobody to be told to.
      let party: ServiceParty | undefined
      const current = (): ServiceConfiguration => party?.configuration ?? configuration
      const metrics = configuration.metrics === undefined ? undefined : new PartyMetrics()
      const audit = new AuditLog({
        directory: paths.auditLog,
        bytes: configuration.auditLog.fileBytes,
        files: configuration.auditLog.files,
        onFailure: error => party?.fault(error)
      })
      undo.push(async () => await audit.close())
      const names = new PeerNames(configuration.roster)
      const traffic = (): Traffic => ({ sent: party?.transport.bytes.sent() ?? 0, received: party?.transport.bytes.received() ?? 0 })
      const history = configuration.metrics?.dashboard === true ? new History(traffic) : undefined
      const chronicle = new Chronicle({ logger: init.logger, audit, metrics, history, name: peer => (party?.names ?? names).of(peer) })
      const transport = await Libp2pTransport.start({
        privateKey: identity.privateKey,
        name: configuration.name,
        software: VERSION,
        listen: configuration.network.listen,
        announce: configuration.network.announce,
        ...(configuration.network.allowedAddresses === undefined ? {} : { allowedAddresses: configuration.network.allowedAddresses }),
        peers: peersToMeet(configuration, identity.peer),
        failures: protocolFailures,
        deadlines: configuration.network.deadlines,
        limits: configuration.network.limits,
        ...(metrics === undefined ? {} : { metrics: metrics.libp2p }),
        onNotice: ({ kind, peer, ...notice }) => {
          const error = 'error' in notice ? notice.error : undefined
          if (kind === 'up' || kind === 'down') party?.tell(`${party.names.of(peer) ?? peer} is ${kind}`)
          else if (kind !== 'dial-failed' && error !== undefined) party?.fault(error)
        }
      })
      undo.push(() => transport.stop('could not start'))
      const { limits, next, policy } = configuration.cohort
      const roster = (): { peer: string; roles: readonly Role[] }[] =>
        current().roster.map(({ peerId, roles }) => ({ peer: peerId, roles }))
      const roles = (): readonly Role[] => rolesOf(roster(), identity.peer) ?? []
      const computes = roles().some(role => role === 'evaluator' || role === 'witness')
      const { insecureLogN, minimumFloodingBits, minimumThreshold, lowerThreshold, maximumDecryptions, maximumAge, assist } = policy
      const fleet = roles().includes('evaluator') ? configuration.fleet : undefined
      let places = 1
      const core = new RestartingCore({
        outlet: new Outlet(transport),
        database,
        documents: chronicle.observed(database.documents),
        contents,
        cryptography: {
          self: identity.peer,
          state: configuration.state,
          keySource,
          threads: configuration.threads ?? (computes ? 'auto' : 1),
          costs: configuration.costs,
          weightBytes: limits.weightBytes,
          insecureLogN,
          ...(fleet === undefined ? {} : { fleet })
        },
        worker: init.worker,
        roles,
        node: {
          signer: signerOf(identity),
          software: VERSION,
          roster,
          policy: {
            minimumFloodingBits,
            minimumThreshold,
            lowerThreshold,
            maximumDecryptions,
            maximumLife: maximumAge,
            assist: assistanceOf(assist),
            automatic: policy.automaticEpochs,
            allowInsecure: insecureLogN !== undefined
          },
          next,
          ...(fleet === undefined ? {} : { concurrency: fleet.queries, places: () => places }),
          limits: { queries: limits.queries, bytes: limits.queueBytes, longest: limits.answers },
          onProgress: event => party?.keyProgress.tell(event),
          onError: error => party?.fault(error),
          onEvent: event => chronicle.event(event)
        },
        onCrash: error => party?.fault(error),
        onFleet: {
          tell: text => {
            init.logger.info({ component: 'fleet' }, text)
            party?.tell(text)
          },
          fault: error => party?.fault(error),
          places: count => {
            places = count
          }
        }
      })
      await core.start()
      forgetPassphrase(keySource)
      undo.push(async () => await core.stop())
      party = new ServiceParty(configuration, init, lock, transport, database, core, chronicle, metrics, history, names)
      const opened = party
      const monitor = await opened.#monitor()
      if (monitor !== undefined) undo.push(async () => await monitor.close())
      const server = await ControlServer.listen({
        address: controlAddress(configuration.state),
        handlers: consoleHandlers(opened),
        failure: error => {
          const { message } = opened.names.report(error)
          // What somebody else has refused with says what kind of failure it is.
          const cause = error instanceof RemoteFailureError ? error.remote : error
          const { name, code = name, field } = opened.names.report(cause)
          const { remedy } = cause as { readonly remedy?: unknown }
          return {
            code,
            message,
            ...(typeof remedy === 'string' ? { remedy: opened.names.in(remedy) } : {}),
            ...(field === undefined ? {} : { field })
          }
        },
        onFailure: (command, error) => {
          // What is refused as it was given is told to whoever gave it, and concerns nobody else.
          const level = error instanceof CommandRefusedError ? 'debug' : 'warn'
          init.logger[level]({ command, error: opened.names.report(error) }, 'a command failed')
        }
      })
      opened.#closeDoors = async () => {
        await server.close()
        await monitor?.close()
      }
      opened.#closeLog = async () => await audit.close()
      chronicle.party({ event: 'started', party: configuration.name, peer: identity.peer, software: VERSION })
      return opened
    } catch (error) {
      for (const step of undo.reverse()) await step()
      throw error
    }
  }

  #closeDoors: () => Promise<void> = async () => undefined
  #closeLog: () => Promise<void> = async () => undefined

  /** Metrics and health, where they are asked for. @throws ConfigurationError for a port that is taken */
  async #monitor(): Promise<MonitorServer | undefined> {
    const { metrics, history } = this
    const port = this.#configuration.metrics?.port
    if (metrics === undefined || port === undefined) return undefined
    metrics.watch(async () => await figuresOf(this))
    try {
      const monitor = await MonitorServer.listen({
        port,
        metrics: async () => ({ text: await metrics.text(), type: metrics.contentType }),
        missing: async () => missing(this, await figuresOf(this)),
        ...(history === undefined ? {} : { dashboard: async () => await dashboardStatus(this, history) }),
        onFailure: error => this.fault(error as Error)
      })
      this.tell(`${history === undefined ? '' : 'dashboard, '}metrics and health on http://127.0.0.1:${monitor.port}`)
      return monitor
    } catch (error) {
      const got = (error as NodeJS.ErrnoException).code ?? (error as Error).message
      const remedy = 'Choose another one, or leave "metrics" out.'
      throw new ConfigurationError(this.init.file, [{ key: 'metrics.port', expected: 'a port of this machine that is free', got, remedy }])
    }
  }

  /** Its configuration as read last: a changed roster takes its place. */
  get configuration(): ServiceConfiguration {
    return this.#configuration
  }

  /** What the roster calls peers. */
  get names(): PeerNames {
    return this.#names
  }

  /** Its peer id. */
  get self(): string {
    return this.transport.self
  }

  /** Its roles in the roster at present; none when it is not in it. */
  get roles(): readonly Role[] {
    return this.#configuration.roster.find(({ peerId }) => peerId === this.self)?.roles ?? []
  }

  /** Peer id of the evaluator through which this party speaks. */
  get evaluator(): string {
    return evaluatorOf(this.#configuration)
  }

  /** Until it has been stopped. */
  async run(): Promise<void> {
    this.tell(
      `${this.#configuration.name} (${this.roles.join(', ')}) listens on ${this.transport.addresses.join(', ') || 'nothing: it dials'}`
    )
    await this.#ended.promise
  }

  /** Reads the roster of its configuration again. @throws ConfigurationError, and nothing changes */
  async reloadRoster(): Promise<RosterReport> {
    const next = await loadServiceConfiguration(this.init.file)
    demandSelf(next, this.self, this.init.file)
    const before = this.#configuration.roster
    const without = (one: ServiceConfiguration['roster'], other: ServiceConfiguration['roster']): { peer: string; name: string }[] =>
      one.filter(({ peerId }) => !other.some(entry => entry.peerId === peerId)).map(({ peerId, name }) => ({ peer: peerId, name }))
    const report = { added: without(next.roster, before), removed: without(before, next.roster), parties: next.roster.length }
    this.#configuration = { ...this.#configuration, roster: next.roster }
    this.#names = new PeerNames(next.roster)
    this.transport.setPeers(peersToMeet(this.#configuration, this.self))
    const { node } = await this.core.get()
    node.reload()
    this.tell(`roster: ${report.added.length} added, ${report.removed.length} removed`)
    if (report.added.length + report.removed.length > 0) this.chronicle.party({ event: 'roster-changed', ...report })
    return report
  }

  /** Something went wrong that nobody waits for: into the log and the status. */
  fault(error: Error): void {
    const report = this.#names.report(error)
    this.errors.add(report)
    this.metrics?.fault(report.code ?? report.name)
    this.init.logger.warn({ error: { ...report } }, report.message)
  }

  /** A line for whoever watches the process. */
  tell(text: string): void {
    this.init.onLine?.(text)
  }

  /** Tells the others, ends what runs, closes everything. Safe to call more than once. */
  async stop(reason = 'stopped'): Promise<void> {
    this.#stopping ??= this.#end(reason)
    await this.#stopping
  }

  async #end(reason: string): Promise<void> {
    await this.#closeDoors()
    await this.core.stop()
    await this.transport.stop(reason)
    this.chronicle.party({ event: 'stopped', reason })
    await this.#closeLog()
    this.database.dispose()
    this.lock.dispose()
    this.#ended.resolve()
  }
}

function demandSelf({ roster }: ServiceConfiguration, peer: string, file: string): void {
  if (roster.some(({ peerId }) => peerId === peer)) return
  const remedy = 'Add the line that "slytherin init" printed, or use the state directory of a party of the roster.'
  throw new ConfigurationError(file, [{ key: 'roster', expected: `this party's own peer id ${peer}`, got: 'a roster without it', remedy }])
}

function evaluatorOf({ roster, cohort }: ServiceConfiguration): string {
  return roster.find(({ name, peerId }) => name === cohort.evaluator || peerId === cohort.evaluator)!.peerId
}

/** All of the roster may connect; dialled are those with whom this party speaks: everybody by the evaluator, the evaluator by everybody. */
function peersToMeet(configuration: ServiceConfiguration, self: string): TransportPeer[] {
  const evaluator = evaluatorOf(configuration)
  const { roster } = configuration
  return roster.map(({ peerId, addresses }) => ({
    peer: peerId,
    addresses: self === evaluator || peerId === evaluator ? addresses : []
  }))
}

/** Without the keys that are not there. */
function assistanceOf({ witnesses, from }: ServiceConfiguration['cohort']['policy']['assist']): AssistancePolicy {
  return { ...(witnesses === undefined ? {} : { witnesses }), ...(from === undefined ? {} : { from }) }
}
