/** What parties of a standing service tell each other: calls, and the documents that they sign. */
import { createPrivateKey, createPublicKey, sign as signBytes, verify } from 'node:crypto'
import { ProtocolError } from '@slytherin/protocol'
import {
  COMPLAINT,
  checkSigned,
  DEALT,
  type DocumentKind,
  decodeCall,
  decodeSigned,
  ENTRY,
  EPOCH,
  EPOCH_PROPOSAL,
  type EpochProposal,
  encodeCall,
  encodeSigned,
  epochIdentifier,
  GRANT,
  QUERY,
  RELEASE,
  REVOCATION,
  SHARE_COMMITMENT,
  SHARING,
  type SharingRecord,
  type Signature,
  sign,
  WITHDRAWAL,
  withSignatures
} from '@slytherin/protocol/service'
import type { Target } from '../target.js'
import type { RecordedSession } from './messages.js'

const HASH = 'ab'.repeat(32)
const NONCE = 'cd'.repeat(16)
const [CREATED, EXPIRES] = [1_700_000_000_000, 1_800_000_000_000]
const PEERS = ['evaluator', 'holder', 'owner', 'querier', 'second holder'] as const
type Peer = (typeof PEERS)[number]

// PKCS #8 of Ed25519 with keys of our own: the same signatures in every run.
const KEYS = new Map<string, ReturnType<typeof createPrivateKey>>(
  PEERS.map((peer, k) => {
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, k + 1)])
    return [peer, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })]
  })
)

const signerOf = (self: Peer) => ({ self, sign: async (bytes: Uint8Array) => new Uint8Array(signBytes(null, bytes, KEYS.get(self)!)) })

const VERIFIER = {
  verify: async (peer: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> => {
    const key = KEYS.get(peer)
    return key !== undefined && verify(null, bytes, createPublicKey(key), signature)
  }
}

async function signed<T>(kind: DocumentKind<T>, document: T): Promise<Uint8Array> {
  const signatures: Signature[] = []
  for (const peer of kind.signers(document)) {
    const { verify } = VERIFIER
    signatures.push(await sign(kind, document, { ...signerOf(peer as Peer), verify }))
  }
  return encodeSigned(withSignatures(document, signatures))
}

/** A document with all its signatures: nobody else's is accepted, and it is written in one way. */
async function documentTarget<T>(kind: DocumentKind<T>, documents: readonly T[]): Promise<Target> {
  const corpus: Uint8Array[] = []
  for (const document of documents) corpus.push(await signed(kind, document))
  return {
    name: `signed ${kind.kind}`,
    contract: 'authenticated',
    structure: 'json',
    weight: 2,
    corpus,
    refusals: [ProtocolError],
    parse: async bytes => {
      const read = decodeSigned(kind, bytes, 'peer')
      await checkSigned(kind, read, VERIFIER, 'peer')
      return encodeSigned(read)
    }
  }
}

export async function serviceTargets({ plan }: RecordedSession): Promise<Target[]> {
  const holders = [
    { peer: 'holder', point: 1 },
    { peer: 'second holder', point: 2 }
  ]
  const proposal: EpochProposal = {
    kind: 'epoch-proposal',
    version: 1,
    cohort: 'hospitals',
    nonce: NONCE,
    created: CREATED,
    expires: EXPIRES,
    evaluator: 'evaluator',
    holders,
    threshold: 2,
    witnesses: ['querier'],
    parameters: plan.parameters,
    proofs: true,
    floodingBits: 64,
    maximumDecryptions: 1000,
    maximumRefreshes: 1000,
    relinearizationLevel: 2,
    galois: [
      { element: 5, level: 2 },
      { element: 25, level: 1 }
    ]
  }
  const nonces = [HASH, 'ef'.repeat(32)]
  const epoch = epochIdentifier(proposal, nonces)
  const sharing: SharingRecord = { kind: 'sharing', version: 1, epoch, generation: 0, lineage: HASH, threshold: 2, holders }
  const grant = {
    kind: 'grant',
    version: 1,
    epoch,
    issuer: 'owner',
    querier: 'querier',
    senders: ['querier'],
    models: ['*', 'lenet'],
    nonce: NONCE,
    created: CREATED,
    expires: EXPIRES,
    queries: 10,
    decryptions: 100
  } as const
  const query = {
    kind: 'query',
    version: 1,
    epoch,
    release: HASH,
    grant: HASH,
    query: NONCE,
    sender: 'querier',
    querier: 'querier',
    samples: 3,
    inputs: HASH,
    resultKey: HASH,
    resultKeySignature: '',
    created: CREATED,
    expires: EXPIRES
  } as const
  const entry = {
    kind: 'ceremony-entry',
    version: 1,
    ceremony: HASH,
    holder: 'holder',
    nonce: HASH,
    coin: HASH,
    receiverKey: HASH
  } as const
  return [
    {
      name: 'call',
      contract: 'one form',
      structure: 'bytes',
      weight: 6,
      corpus: [
        encodeCall('epoch-keys', { epoch, part: 3, list: [1, 2] }, []),
        encodeCall('query-inputs', { query: NONCE }, [new Uint8Array(7), new Uint8Array(0), new Uint8Array(40).fill(9)])
      ],
      refusals: [ProtocolError],
      parse: bytes => {
        const { kind, head, blobs } = decodeCall(bytes, 'peer')
        return encodeCall(kind, head, blobs)
      }
    },
    await documentTarget(EPOCH_PROPOSAL, [proposal]),
    await documentTarget(EPOCH, [{ kind: 'epoch', version: 1, proposal, nonces, sharing, publicKey: HASH }]),
    await documentTarget(SHARING, [sharing, { ...sharing, generation: 3, threshold: 1 }]),
    await documentTarget(RELEASE, [
      {
        kind: 'release',
        version: 1,
        epoch,
        owner: 'owner',
        name: 'lenet',
        revision: '1',
        nonce: NONCE,
        created: CREATED,
        plan,
        parts: nonces,
        root: HASH,
        classes: ['cat', 'dog']
      }
    ]),
    await documentTarget(WITHDRAWAL, [{ kind: 'withdrawal', version: 1, epoch, release: HASH, owner: 'owner', created: CREATED }]),
    await documentTarget(GRANT, [grant]),
    await documentTarget(REVOCATION, [{ kind: 'revocation', version: 1, epoch, grant: HASH, issuer: 'owner', created: CREATED }]),
    await documentTarget(QUERY, [query]),
    await documentTarget(ENTRY, [entry, { ...entry, nonce: '' }]),
    await documentTarget(DEALT, [{ kind: 'dealt', version: 1, round: HASH, dealer: 'holder', what: 'answer', hash: HASH }]),
    await documentTarget(COMPLAINT, [
      { kind: 'complaint', version: 1, round: HASH, dealer: 1, receiver: 2, reason: 'inconsistent', holder: 'second holder' }
    ]),
    await documentTarget(SHARE_COMMITMENT, [
      { kind: 'share-commitment', version: 1, epoch, protocol: 'public-key', instance: HASH, holder: 'holder', share: HASH }
    ])
  ]
}
