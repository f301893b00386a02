/** What implementations of this package's interfaces must do, exported as `@slytherin/protocol/testing/compliance`; runs under vitest. */
export { cryptographyCompliance } from './cryptography-compliance.js'
export type { CryptographyHarness } from './cryptography-harness.js'
export { type PartStoreHarness, partStoreCompliance } from './part-store-compliance.js'
export { type SessionSecretsHarness, sessionSecretsCompliance } from './session-secrets-compliance.js'
export { type TransportHarness, transportCompliance } from './transport-compliance.js'
