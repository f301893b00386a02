/** What the configurations of a session and of a service have in common. Times are milliseconds, sizes bytes. */
import { isIP } from 'node:net'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { ROLES } from '@slytherin/protocol'
import * as z from 'zod'

const check = (test: (text: string) => unknown): ((text: string) => boolean) => {
  return text => {
    try {
      return test(text) !== false
    } catch {
      return false
    }
  }
}

export const path = z.string().min(1)
export const milliseconds = z.number().int().positive()
export const bytes = z.number().int().positive()
export const count = z.number().int().positive()

const address = z
  .string()
  .refine(check(multiaddr), { error: 'expected a multiaddr such as /ip4/127.0.0.1/tcp/4001 or /dns4/example.org/tcp/4001' })
export const peerId = z.string().refine(
  check(text => peerIdFromString(text).type === 'Ed25519'),
  {
    error: 'expected an Ed25519 peer id, as "slytherin init" prints it (12D3KooW…)'
  }
)
const addressRange = z.string().refine(
  check(text => {
    const [host, prefix, ...rest] = text.split('/')
    const family = isIP(host!)
    return (
      family !== 0 && rest.length === 0 && (prefix === undefined || (/^\d+$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128)))
    )
  }),
  { error: 'expected an IP address or a CIDR range such as 10.0.0.0/8' }
)

export const rosterEntry = z.strictObject({
  /** What people call the party; for logs and reports. */
  name: z.string().min(1).max(128),
  peerId,
  roles: z.array(z.enum(ROLES)).min(1),
  /** Where it listens. A party without addresses is never dialled: it dials. */
  addresses: z.array(address).default([])
})

export const keystore = z
  .strictObject({
    /** Name of the environment variable that holds the passphrase. */
    passphraseEnvironment: z.string().min(1).optional(),
    passphraseFile: path.optional(),
    keyFile: path.optional()
  })
  .refine(value => Object.values(value).filter(item => item !== undefined).length === 1, {
    error: 'expected exactly one of "passphraseEnvironment", "passphraseFile" and "keyFile"'
  })

export const network = z
  .strictObject({
    listen: z.array(address).default([]),
    announce: z.array(address).default([]),
    /** Addresses that may connect; all when absent. */
    allowedAddresses: z.array(addressRange).optional(),
    deadlines: z
      .strictObject({
        dial: milliseconds,
        hello: milliseconds,
        beat: milliseconds,
        down: milliseconds,
        connect: milliseconds,
        idle: milliseconds,
        stall: milliseconds,
        response: milliseconds
      })
      .partial()
      .prefault({}),
    limits: z
      .strictObject({
        connections: count,
        streams: count.min(2),
        streamWindow: bytes.min(262_144),
        readBuffer: bytes,
        highWater: bytes,
        slowestRate: bytes
      })
      .partial()
      .prefault({})
  })
  .prefault({})

export const logLevel = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info')
export const log = z.strictObject({ level: logLevel }).prefault({})

export const evaluator = z.enum(['seal', 'kernel']).default('kernel')
export const costs = z.enum(['measured', 'reference']).default('measured')
export const threads = z.union([count.max(64), z.literal('auto')]).optional()
