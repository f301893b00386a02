/** Rules between keys that every configuration has. */
import type * as z from 'zod'
import type { ConfigurationIssue } from './errors.js'
import type { network as networkSchema, rosterEntry } from './parts.js'

export function rosterRules(roster: readonly z.infer<typeof rosterEntry>[]): ConfigurationIssue[] {
  const issues: ConfigurationIssue[] = []
  roster.forEach((entry, index) => {
    const earlier = roster.findIndex(other => other.peerId === entry.peerId)
    if (earlier < index) {
      issues.push({
        key: `roster[${index}].peerId`,
        expected: 'every peer once',
        got: `the peer of roster[${earlier}] again`,
        remedy: 'List all its roles in one entry.'
      })
    }
    if (roster.findIndex(other => other.name === entry.name) < index) {
      issues.push({ key: `roster[${index}].name`, expected: 'every name once', got: `"${entry.name}" again` })
    }
  })
  return issues
}

export function networkRules(network: z.infer<typeof networkSchema>): ConfigurationIssue[] {
  const window = network.limits.streamWindow ?? 0
  if (network.limits.readBuffer !== undefined && window > network.limits.readBuffer) {
    return [
      {
        key: 'network.limits.streamWindow',
        expected: 'at most network.limits.readBuffer',
        got: String(window),
        remedy: 'A paused stream with a larger window than buffer is reset.'
      }
    ]
  }
  return []
}
