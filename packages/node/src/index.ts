/**
 * A party of a slytherin cohort as a process: configuration, identity, storage, network, cryptography worker, command line.
 *
 * @module
 */
export type { Streams } from './cli/console.js'
export { runProgram } from './cli/program.js'
export { REPLACE_HELP, replacement } from './cli/replacement.js'
export { type QuerierCommand, readCommands } from './commands.js'
export { ConfigurationError, type ConfigurationIssue } from './configuration/errors.js'
export {
  loadConfiguration,
  loadServiceConfiguration,
  parseConfiguration,
  parseServiceConfiguration,
  parseWorkerConfiguration
} from './configuration/load.js'
export { parseWith, parseYaml } from './configuration/read.js'
export {
  type ApproximationConfiguration,
  type CalibrationConfiguration,
  type Configuration,
  configurationSchema,
  type Normalisation,
  type SamplesConfiguration
} from './configuration/schema.js'
export { suggest } from './configuration/suggest.js'
export { askParty } from './control/client.js'
export type { CommandName, ParametersOf, Progress, Results } from './control/commands.js'
export { type Measurable, referenceCosts } from './costs.js'
export type { SampleArray } from './data/array.js'
export { approximationOptions, manifestTask, openCalibration } from './data/calibration.js'
export { readCifar10 } from './data/cifar10.js'
export { readCsv } from './data/csv.js'
export { DataFileError } from './data/errors.js'
export { readIdx } from './data/idx.js'
export { readJson } from './data/json.js'
export { importModelFile, type ModelChoice, type ModelFile } from './data/model-file.js'
export { readNpy } from './data/npy.js'
export { npzNames, readNpz } from './data/npz.js'
export { obstacleOf } from './data/obstacle.js'
export { type ArraySource, type Labels, sourceOf } from './data/read-array.js'
export { lastSamples, loadLabels, loadSamples, SampleFile, type Samples } from './data/samples.js'
export type {
  Answers,
  ErrorReport,
  EventListener,
  PartyEvent,
  SessionReport
} from './events.js'
export * from './framing/errors.js'
export { type Chunk, encodeHeader, type Frame, FrameKind } from './framing/frame.js'
export { type Expected, FrameStream, type FrameStreamOptions } from './framing/frame-stream.js'
export { StreamDuplex, type StreamDuplexOptions } from './framing/stream-duplex.js'
export { type DecodeOptions, decodeFrames, encodeFrames } from './framing/transforms.js'
export { createLogger, type LoggerOptions, type LogLevel } from './logging.js'
export type { FailureCodec, NetworkNotice, TransportPeer } from './network/carrier.js'
export { readHello } from './network/control.js'
export * from './network/errors.js'
export { protocolFailures } from './network/failures.js'
export { createHost, type HostOptions } from './network/host.js'
export * from './network/settings.js'
export { Libp2pTransport, type TransportOptions } from './network/transport.js'
export { Party, type PartyInit } from './party/party.js'
export type { PlanModelOptions } from './planning.js'
export { ServiceParty, type ServicePartyInit } from './service/service-party.js'
export { writeAtomically } from './storage/atomic-file.js'
export { type CostBasis, costBasis, readCosts, readMeasuredCosts, userCostFile, writeCosts } from './storage/cost-file.js'
export * from './storage/errors.js'
export { findEvidence } from './storage/evidence-directory.js'
export { openCulprit, readEvidence, writeCulprit } from './storage/evidence-reader.js'
export { FileEvidenceStore, forgetSessions, sessionsIn } from './storage/evidence-store.js'
export { createIdentity, type Identity, openIdentity, peekPeer, signerOf } from './storage/identity.js'
export { createKeyFile, forgetPassphrase, KeyMaterial, type KeySource, keySourceOf, loadKeyMaterial } from './storage/key-source.js'
export { createKeystore, openKeystore, type SecretName } from './storage/keystore.js'
export { FilePartStore } from './storage/part-store.js'
export { readSealed, writeSealed } from './storage/sealed-file.js'
export { FileSessionSecrets, type FileSessionSecretsOptions } from './storage/session-secrets.js'
export { SqliteShareLedger } from './storage/share-ledger.js'
export { StateLock, type StatePaths, statePaths } from './storage/state-directory.js'
export { VERSION } from './version.js'
export type { CryptographyModule, CryptographyOptions, HostedCryptography, PlanRequest } from './worker/cryptography-module.js'
export { CryptographyWorker, type CryptographyWorkerOptions } from './worker/cryptography-worker.js'
export { WorkerClosedError, WorkerCrashedError } from './worker/errors.js'
