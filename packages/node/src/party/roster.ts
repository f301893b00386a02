/** What the roster says of this party: its roles, and whom it dials. */
import type { Role } from '@slytherin/protocol'
import { ConfigurationError } from '../configuration/errors.js'
import type { Configuration } from '../configuration/schema.js'

/** @throws ConfigurationError unless the identity is in the roster with exactly the configured roles, and has what they need */
export function ownRoles(configuration: Configuration, peer: string, file: string): readonly Role[] {
  const { roster, roles, model } = configuration
  const entry = roster.find(({ peerId }) => peerId === peer)
  if (entry === undefined) {
    const remedy = 'Add the line that "slytherin init" printed, or use the state directory of a party of the roster.'
    throw new ConfigurationError(file, [
      { key: 'roster', expected: `this party's own peer id ${peer}`, got: 'a roster without it', remedy }
    ])
  }
  if (roles !== undefined && (roles.length !== entry.roles.length || roles.some(role => !entry.roles.includes(role)))) {
    throw new ConfigurationError(file, [
      { key: 'roles', expected: `the roster's for this party, ${entry.roles.join(', ')}`, got: roles.join(', ') }
    ])
  }
  if (entry.roles.includes('model-owner') && model === undefined) {
    throw new ConfigurationError(file, [
      { key: 'model', expected: 'an ONNX file, for this party owns the model', got: 'nothing', remedy: 'Add the key.' }
    ])
  }
  return entry.roles
}

/** All may connect; only those are dialled with whom this party speaks: everyone and the evaluator. */
export function peersToMeet({ roster }: Configuration, roles: readonly Role[]): { peer: string; addresses: string[] }[] {
  const leads = roles.includes('evaluator')
  return roster.map(entry => ({ peer: entry.peerId, addresses: leads || entry.roles.includes('evaluator') ? entry.addresses : [] }))
}
