/**
 * A party as a process: state directory, identity, transport, cryptography worker, and the roles that the roster gives it.
 *
 *   open  lock state → unseal identity → check the roster → start worker and transport
 *   run   lead or serve a session, ask the configured query, report
 *   stop  tell the others, end the worker, release the state
 */
import {
  Coordinator,
  type CoordinatorOptions,
  DEFAULT_DEADLINES,
  Member,
  type MemberOptions,
  PartyMissingError,
  type PartyOptions,
  type Plan,
  type Role,
  type SessionSummary
} from '@slytherin/protocol'
import type { Logger } from 'pino'
import type { CommandError, QuerierCommand } from '../commands.js'
import type { Configuration } from '../configuration/schema.js'
import { SampleFile, type Samples } from '../data/samples.js'
import type { DecryptionsLeft, ErrorReport, EventListener, PartyEvent } from '../events.js'
import { protocolFailures } from '../network/failures.js'
import { Libp2pTransport } from '../network/transport.js'
import { FileEvidenceStore } from '../storage/evidence-store.js'
import { type Identity, openIdentity, signerOf } from '../storage/identity.js'
import { forgetPassphrase, keySourceOf, loadKeyMaterial } from '../storage/key-source.js'
import { removeLeftovers, StateLock, statePaths } from '../storage/state-directory.js'
import { VERSION } from '../version.js'
import { CryptographyWorker, type CryptographyWorkerOptions } from '../worker/cryptography-worker.js'
import { PeerNames } from './names.js'
import { planRequest } from './plan-request.js'
import { Questions } from './questions.js'
import { resultOf, secondsSince, sessionReport, tellNotice, usageEvent } from './reports.js'
import { ownRoles, peersToMeet } from './roster.js'

/** What a party of a session is given beside its configuration. */
export interface PartyInit {
  /** Name of the configuration file, for errors. */
  readonly file: string
  /** Every line gets the roster's names of peers. */
  readonly logger: Logger
  /** Told of everything that happens, in order. */
  readonly onEvent: EventListener
  /** What a querier without configured samples is to ask. */
  readonly commands?: AsyncIterator<QuerierCommand | CommandError>
  /** Another module to host in the worker. */
  readonly worker?: CryptographyWorkerOptions
}

const USAGE_INTERVAL = 5000
/** After an aborted session, before the next is tried. */
const RETRY_PAUSE = 2000
/** Between two words on an evaluator that is up and has proposed nothing yet. */
const WAITING_INTERVAL = 10_000
/** How long nobody can meet this party because its model is measured. */
const MODEL_PATIENCE = 3_000
/** How long leaving a session may take. */
const FAREWELL_PATIENCE = 7000

/** A party of sessions as a process: one after the other, as long as its configuration says. */
export class Party {
  private readonly started = performance.now()
  private readonly stopping = new AbortController()
  private readonly usage: NodeJS.Timeout
  private readonly questions: Questions
  private sessionPeer: Coordinator | Member | undefined
  private running: Promise<unknown> = Promise.resolve()
  private inSession = false
  /** By querier, in the session that goes on. */
  private readonly decryptions = new Map<string, DecryptionsLeft>()
  private stopped: Promise<void> | undefined

  private constructor(
    /** As it was opened with. */
    readonly configuration: Configuration,
    /** Its own, by roster and configuration. */
    readonly roles: readonly Role[],
    private readonly init: PartyInit,
    private readonly lock: StateLock,
    private readonly identity: Identity,
    readonly transport: Libp2pTransport,
    private readonly worker: CryptographyWorker,
    private readonly names: PeerNames,
    private readonly evidence: FileEvidenceStore,
    samples: Samples | undefined,
    /** The shape of this party's model, when it has been measured. */
    private readonly model: Promise<unknown> | undefined
  ) {
    const { commands } = init
    const emit = (event: PartyEvent): void => this.emit(event)
    this.questions = new Questions({ configuration, roles, samples, commands, emit, names, stopping: this.stopping.signal })
    this.usage = setInterval(() => this.emit(usageEvent(this.transport, [...this.decryptions.values()])), USAGE_INTERVAL)
  }

  /**
   * Locks the state, opens identity and keystore, starts worker and network. What had been opened is closed again when a later step fails.
   * @throws ConfigurationError when the roster does not fit the identity
   * @throws StorageError for what is wrong with the state directory
   */
  static async open(configuration: Configuration, given: PartyInit): Promise<Party> {
    const names = new PeerNames(configuration.roster)
    const init = { ...given, logger: given.logger.child({}, { serializers: names.serializers }) }
    const paths = statePaths(configuration.state)
    const lock = await StateLock.acquire(paths)
    const undo: (() => Promise<void> | void)[] = [() => lock.dispose()]
    try {
      await removeLeftovers(paths)
      const keySource = keySourceOf(configuration)
      using material = await loadKeyMaterial(keySource)
      const identity = await openIdentity(paths.identity, material)
      const roles = ownRoles(configuration, identity.peer, init.file)
      const samples = configuration.samples === undefined ? undefined : await SampleFile.open(configuration.samples)
      const { evaluator, model, calibration, approximation, output, inputShape, replace, task, keepParts } = configuration
      const options = {
        evaluator,
        costs: configuration.costs,
        threads:
          configuration.threads ?? (roles.some(role => role === 'evaluator' || role === 'witness') && evaluator === 'kernel' ? 'auto' : 1),
        state: configuration.state,
        keySource,
        keepParts,
        ...(model === undefined
          ? {}
          : {
              model: {
                path: model,
                calibration: calibration!,
                wishes: planRequest(configuration),
                ...(approximation === undefined ? {} : { approximation }),
                ...(output === undefined ? {} : { output }),
                ...(inputShape === undefined ? {} : { inputShape }),
                ...(replace === undefined ? {} : { replace }),
                ...(task === undefined ? {} : { task })
              }
            })
      }
      const worker = await CryptographyWorker.start(options, init.worker)
      forgetPassphrase(keySource)
      undo.push(() => worker.dispose())
      const measured = options.model === undefined ? undefined : worker.cryptography.architecture()
      // A model that is of no use is mostly found out now, before anybody meets this party; a large one goes on being measured while others are met.
      await Promise.race([measured, unreferenced(MODEL_PATIENCE)])
      const transport = await Libp2pTransport.start({
        privateKey: identity.privateKey,
        name: configuration.name,
        software: VERSION,
        listen: configuration.network.listen,
        announce: configuration.network.announce,
        ...(configuration.network.allowedAddresses === undefined ? {} : { allowedAddresses: configuration.network.allowedAddresses }),
        peers: peersToMeet(configuration, roles),
        failures: protocolFailures,
        deadlines: configuration.network.deadlines,
        limits: configuration.network.limits,
        onNotice: notice => tellNotice(notice, names, init)
      })
      undo.push(() => transport.stop('could not start'))
      const { directory = paths.evidence, ...bounds } = configuration.evidence
      const evidence = new FileEvidenceStore(directory, {
        ...bounds,
        onFault: error => init.logger.warn({ error }, 'evidence is not kept any more')
      })
      return new Party(configuration, roles, init, lock, identity, transport, worker, names, evidence, samples, measured)
    } catch (error) {
      for (const step of undo.reverse()) await step()
      throw error
    }
  }

  /**
   * One session, or session after session with `keepServing`.
   * @returns the last session's summary
   * @throws what ended a session before its time (PartyMissingError, SessionAbortedError, …), WorkerCrashedError
   */
  async run(): Promise<SessionSummary> {
    this.emit({
      event: 'started',
      name: this.configuration.name,
      peer: this.identity.peer,
      roles: this.roles,
      addresses: this.transport.addresses,
      evaluator: this.configuration.evaluator,
      pid: process.pid
    })
    const crashed = this.worker.whenEnded().then(error => {
      throw error
    })
    crashed.catch(() => {})
    const useless = Promise.withResolvers<never>()
    this.model?.catch(useless.reject)
    const session = this.roles.includes('evaluator') ? this.coordinate() : this.takePart()
    this.running = session.catch(() => {})
    return await Promise.race([session, crashed, useless.promise])
  }

  /** An error as it is told, with the names of the peers that it is about. */
  report(error: unknown): ErrorReport {
    return this.names.report(error)
  }

  /** For log lines that name peers. */
  get logger(): Logger {
    return this.init.logger
  }

  /** Leaves the session (the others are told), ends worker and transport, releases the state. Safe to call at any time, more than once. */
  async stop(reason = 'stopped'): Promise<void> {
    this.stopped ??= this.end(reason)
    await this.stopped
  }

  private async end(reason: string): Promise<void> {
    clearInterval(this.usage)
    this.stopping.abort(new Error(reason))
    // The coordinator and the member tell the others; that needs the transport.
    const farewell = this.sessionPeer instanceof Member ? this.sessionPeer.stop() : this.running
    const left = farewell.catch((error: unknown) => this.init.logger.warn({ error }, 'leaving the session'))
    await Promise.race([left, unreferenced(FAREWELL_PATIENCE)])
    await this.transport.stop(reason)
    await this.worker.dispose()
    await this.evidence.close()
    this.lock.dispose()
  }

  private async coordinate(): Promise<SessionSummary> {
    const { session } = this.configuration
    const { maximumDecryptions, switchesPerQuerier, refreshesPerSession, queries, window } = session
    const options: CoordinatorOptions = {
      ...this.partyOptions(),
      window,
      onLayers: (query, steps) => this.emit({ event: 'layers', query, steps }),
      limits: {
        ...(session.floodingBits === undefined ? {} : { floodingBits: session.floodingBits }),
        ...(maximumDecryptions === undefined ? {} : { maximumDecryptions }),
        ...(switchesPerQuerier === undefined ? {} : { switchesPerQuerier }),
        ...(refreshesPerSession === undefined ? {} : { maximumRefreshes: refreshesPerSession }),
        ...(queries === undefined ? {} : { queries })
      },
      measuresLine: session.link === 'measured',
      planner: async (architecture, { parties, line, floodingBits, maximumDecryptions: decryptions }): Promise<Plan> => {
        const plan = await this.worker.cryptography.plan(architecture, {
          ...planRequest(this.configuration),
          parties,
          ...(line === undefined ? {} : { link: line }),
          ...(floodingBits === undefined ? {} : { floodingBits }),
          ...(decryptions === undefined ? {} : { maximumDecryptions: decryptions })
        })
        this.emit({ event: 'plan', plan })
        return plan
      }
    }
    const coordinator = new Coordinator(options)
    this.sessionPeer = coordinator
    return await this.serve(async ended => {
      const [summary] = await Promise.all([coordinator.run(), this.questions.ask(coordinator, ended)])
      return summary
    })
  }

  private async takePart(): Promise<SessionSummary> {
    const options: MemberOptions = {
      ...this.partyOptions(),
      window: this.configuration.session.window,
      onPredictions: ({ query, from, predictions, plan }) => this.emit({ event: 'result', query, from, ...resultOf(predictions, plan) })
    }
    const member = new Member(options)
    this.sessionPeer = member
    member.start()
    return await this.serve(async ended => {
      const [summary] = await Promise.all([this.finished(member), this.questions.ask(member, ended)])
      return summary
    })
  }

  /** One session, or one after the other: with `keepServing` a session that is aborted is reported, and the next one is served. */
  private async serve(session: (ended: AbortSignal) => Promise<SessionSummary>): Promise<SessionSummary> {
    for (;;) {
      const ended = new AbortController()
      this.inSession = false
      this.decryptions.clear()
      try {
        const summary = await session(ended.signal)
        const { configuration, roles, started } = this
        const report = sessionReport(summary, { configuration, roles, peer: this.identity.peer, started }, this.transport)
        this.emit({ event: 'session', ...report })
        if (!this.configuration.keepServing || this.stopping.signal.aborted) return summary
      } catch (error) {
        if (!this.configuration.keepServing || this.stopping.signal.aborted) throw error
        this.init.logger.error({ error }, 'the session was aborted')
        this.emit({ event: 'error', error: this.report(error) })
        await new Promise(resolve => setTimeout(resolve, RETRY_PAUSE))
      } finally {
        ended.abort(new Error('the session is over'))
      }
    }
  }

  /**
   * A session's end, or an error when the evaluator was up and leaves before a session began; from then on the member itself notices.
   * Whoever keeps serving waits for the evaluator to come back.
   */
  private async finished(member: Member): Promise<SessionSummary> {
    if (this.configuration.keepServing) return await member.finished()
    const evaluator = this.configuration.roster.find(entry => entry.roles.includes('evaluator'))!.peerId
    const lost = Promise.withResolvers<never>()
    lost.promise.catch(() => {})
    const miss = (reason: string): void => {
      if (!this.inSession) lost.reject(new PartyMissingError({ peer: evaluator, phase: 'roster', reason }))
    }
    const { roster, longest } = { ...DEFAULT_DEADLINES, ...this.configuration.deadlines }
    // First for it to come, then for it to gather everybody, to plan and to propose.
    let timer = setTimeout(() => miss(`the evaluator did not come within ${roster / 1000} s`), roster)
    const since = Date.now()
    const waiting = setInterval(() => {
      if (this.inSession || !this.transport.connectedPeers.includes(evaluator)) return
      const name = this.names.of(evaluator) ?? 'unknown'
      this.emit({ event: 'waiting', phase: 'plan', peer: evaluator, name, message: 'propose', since, seconds: secondsSince(since) })
    }, WAITING_INTERVAL)
    const arrived = (): void => {
      clearTimeout(timer)
      const patience = roster + longest
      timer = setTimeout(() => miss(`the evaluator proposed no session within ${patience / 1000} s`), patience)
    }
    if (this.transport.connectedPeers.includes(evaluator)) arrived()
    const unsubscribe = this.transport.onPeerChange((peer, state) => {
      if (peer !== evaluator) return
      if (state === 'down') miss('the evaluator left before a session began')
      else arrived()
    })
    try {
      return await Promise.race([member.finished(), lost.promise])
    } finally {
      clearTimeout(timer)
      clearInterval(waiting)
      unsubscribe()
    }
  }

  private partyOptions(): PartyOptions {
    const { roster, session, assist, deadlines } = this.configuration
    const {
      data,
      weights,
      minimumFloodingBits,
      minimumFloodingDistanceBits,
      floodingBounds,
      maximumSwitchesPerQuerier,
      maximumRefreshes,
      precision
    } = session
    return {
      transport: this.transport,
      signer: signerOf(this.identity),
      roster: roster.map(entry => ({ peer: entry.peerId, roles: entry.roles })),
      cryptography: this.worker.cryptography,
      evidenceStore: this.evidence,
      policy: {
        data,
        weights,
        minimumFloodingBits,
        ...(minimumFloodingDistanceBits === undefined ? {} : { minimumFloodingDistanceBits }),
        ...(floodingBounds === undefined ? {} : { floodingBounds }),
        ...(maximumSwitchesPerQuerier === undefined ? {} : { maximumSwitchesPerQuerier }),
        ...(precision === undefined ? {} : { precision }),
        ...(maximumRefreshes === undefined ? {} : { maximumRefreshes }),
        assist: {
          ...(assist.proofs === undefined ? {} : { proofs: assist.proofs }),
          ...(assist.witnesses === undefined ? {} : { witnesses: assist.witnesses }),
          ...(assist.from === undefined ? {} : { from: assist.from })
        }
      },
      deadlines,
      signal: this.stopping.signal,
      onProgress: progress => {
        this.inSession = true
        this.emit({ event: 'progress', ...progress })
      },
      onWaiting: ({ phase, peer, message, since }) => {
        const name = this.names.of(peer) ?? 'unknown'
        this.emit({ event: 'waiting', phase, peer, name, message, since, seconds: secondsSince(since) })
      },
      onDecryptions: ({ querier, left, allowed }) => {
        const known = { querier, name: this.names.of(querier) ?? 'unknown', left, allowed }
        this.decryptions.set(querier, known)
        this.emit({ event: 'decryptions', ...known })
      },
      onRefused: (error, peer) => {
        this.init.logger.child({ component: 'protocol' }).warn({ error, peer }, 'refused')
        this.emit({ event: 'refused', peer, error: this.report(error) })
      }
    }
  }

  private emit(event: PartyEvent): void {
    this.init.onEvent(this.names.told(event))
  }
}

const unreferenced = async (milliseconds: number): Promise<void> =>
  await new Promise(resolve => void setTimeout(resolve, milliseconds).unref())
