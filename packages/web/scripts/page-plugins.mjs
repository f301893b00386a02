/** What esbuild leaves out of the page's scripts. */

/** Of packages that several releases of are installed of (npm keeps one beside whoever asks for it), the page takes the one at the top. */
const ONCE = /^(multiformats|protons-runtime|uint8arraylist|uint8arrays|uint8-varint)(\/|$)/

export function onceEach(root) {
  return {
    name: 'once-each',
    setup: build => {
      build.onResolve({ filter: ONCE }, async ({ path, kind, pluginData }) => {
        if (pluginData === 'once') return undefined
        return await build.resolve(path, { kind, resolveDir: root, pluginData: 'once' })
      })
    }
  }
}

/** Modules whose functions do nothing in the page: identities are Ed25519, nobody asks for JSON schemas, what is parsed has no cycles, no code is made of text (the page's policy forbids it), and nobody writes bytes as emoji. */
const UNUSED = [
  '@noble/curves/secp256k1',
  '@libp2p/crypto/dist/src/keys/(rsa|ecdsa|secp256k1)/[^/]+',
  'zod/v4/core/(to-json-schema|json-schema-processors|doc|memoizer)',
  'multiformats/dist/src/bases/base256emoji'
]

/** Of content identifiers a page needs those that libp2p makes of a key, for the key's hash; identities in their text form are written in base58. */
const CONTENT_IDENTIFIER = `export class CID {
  static createV1(code, multihash) { return { version: 1, code, multihash } }
  static parse(text) { throw new Error('no identity: ' + text) }
  static asCID() { return null }
}`

export function withoutUnused() {
  return {
    name: 'without-unused',
    setup: build => {
      build.onLoad({ filter: new RegExp(`/(${UNUSED.join('|')})\\.js$`) }, async ({ path }) => {
        const names = Object.keys(await import(path))
        return { contents: names.map(name => `export const ${name} = () => undefined`).join('\n'), loader: 'js' }
      })
      build.onLoad({ filter: /\/multiformats\/dist\/src\/cid\.js$/ }, () => ({ contents: CONTENT_IDENTIFIER, loader: 'js' }))
      // Browsers sign and verify Ed25519 themselves; what @libp2p/crypto has for those that do not is as large as Noise.
      build.onResolve({ filter: /^@noble\/curves\/ed25519\.js$/ }, ({ importer }) =>
        importer.includes('@libp2p/crypto/') ? { path: 'ed25519', namespace: 'unused' } : undefined
      )
      build.onLoad({ filter: /^ed25519$/, namespace: 'unused' }, () => ({ contents: 'export const ed25519 = undefined', loader: 'js' }))
    }
  }
}
