/** What a module offers that hosts a party's cryptography in a service (service-cryptography.ts; tests bring their own). */
import type { Architecture, Plan } from '@slytherin/protocol'
import type { EpochProposal, SecretStore, ServiceCryptography } from '@slytherin/protocol/service'
import type { KeySource } from '../storage/key-source.js'
import type { ModelOptions, PlanRequest } from './cryptography-module.js'

/** Plain data: it crosses to the worker, which opens keystore, secrets and ledger itself. */
export interface ServiceCryptographyOptions {
  /** This party's peer id. */
  readonly self: string
  /** State directory. */
  readonly state: string
  readonly keySource: KeySource
  readonly threads: number | 'auto'
  readonly costs: 'measured' | 'reference'
  readonly weightBytes: number
  /** Rings below 128 bits of security, of this degree (log2): for tests. */
  readonly insecureLogN: number | undefined
}

/** What of a proposal follows from the models that it is for. */
export type KeyTerms = Pick<EpochProposal, 'parameters' | 'floodingBits' | 'relinearizationLevel' | 'galois'>

export interface HostedService extends ServiceCryptography {
  /** Secrets of a party's flows, sealed: the rest of `SecretStore`. */
  putSecret: SecretStore['put']
  getSecret: SecretStore['get']
  eraseSecret: SecretStore['erase']
  /** Makes a model known by a name; nothing is read yet. */
  setModel(name: string, model: ModelOptions): Promise<void>
  /** Plans a model of this party's into an epoch. @throws the engine's errors, ReleaseRefusedError where it does not fit */
  planInto(architecture: Architecture, request: PlanRequest, proposal: EpochProposal): Promise<Plan>
  /** Ring and keys that all of these models can be planned into; each says what it is wished for. */
  keyTerms(models: readonly (ModelOptions & { readonly wishes: PlanRequest })[]): Promise<KeyTerms>
  /** Wipes secrets, closes files. */
  dispose(): Promise<void>
}
