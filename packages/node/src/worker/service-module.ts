/** What a module offers that hosts a party's cryptography in a service (service-cryptography.ts; tests bring their own). */
import type { EpochKeys } from '@slytherin/engine'
import type { FleetConfiguration, FleetStatus } from '@slytherin/fleet'
import type { Architecture, Plan } from '@slytherin/protocol'
import type { SecretStore, ServiceCryptography } from '@slytherin/protocol/service'
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
  /** Further machines that evaluate; this one alone when absent. */
  readonly fleet?: FleetConfiguration
}

/** A model, and what keys for it are to be good for. */
export type WishedModel = ModelOptions & { readonly wishes: PlanRequest }

/** Whoever runs the party. */
export interface FleetListener {
  /** In plain words. */
  tell(text: string): void
  fault(error: Error): void
  /** Machines that compute at present; told whenever there are more or fewer. */
  places(count: number): void
}

export interface HostedService extends ServiceCryptography {
  /** Secrets of a party's flows, sealed: the rest of `SecretStore`. */
  putSecret: SecretStore['put']
  getSecret: SecretStore['get']
  eraseSecret: SecretStore['erase']
  /** Makes a model known by a name; nothing is read yet. */
  setModel(name: string, model: ModelOptions): Promise<void>
  /** Plans a model of this party's into an epoch. @throws the engine's errors: where it does not fit, they say which epoch it takes */
  planInto(architecture: Architecture, request: PlanRequest, epoch: EpochKeys): Promise<Plan>
  /** Ring and keys that all of these models can be planned into; holders, threshold, flooding and decryptions are the first one's. */
  keyTerms(models: readonly WishedModel[]): Promise<EpochKeys>
  /** Machines that evaluate with this one; undefined where this one is alone. */
  fleetStatus(): Promise<FleetStatus | undefined>
  /** Tells what happens in the fleet until the cryptography is disposed of. */
  followFleet(listener: FleetListener): Promise<void>
  /** Wipes secrets, closes files. */
  dispose(): Promise<void>
}
