/** Who a request comes from: by token, by client certificate, or, on loopback without either, anybody of this machine. */
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { Problem } from '../http/problem.js'
import { isLoopback } from './binding.js'
import type { TokenFile } from './tokens.js'

export interface Caller {
  readonly name: string
  /** Identifier of the only grant that it may use; null: whatever the party may ask. */
  readonly grant: string | null
}

export interface AccessOptions {
  readonly tokens: TokenFile
  /** Whether the connection itself was only made with a certificate of a known authority. */
  readonly clientCertificates: boolean
  /** Whether a request without a token may come at all: on loopback, until there are tokens. */
  readonly open: boolean
}

export class Access {
  readonly #options: AccessOptions

  constructor(options: AccessOptions) {
    this.#options = options
  }

  /** @throws Problem */
  async callerOf(request: IncomingMessage): Promise<Caller> {
    const { tokens, clientCertificates, open } = this.#options
    const { authorization } = request.headers
    if (authorization !== undefined) {
      const [, token] = /^Bearer +(\S{1,512})$/i.exec(authorization) ?? []
      const entry = token === undefined ? undefined : await tokens.find(token)
      if (entry !== undefined) return entry
      throw unauthenticated('the token is none of this gateway, or was revoked, or its time is over')
    }
    if (clientCertificates) return { name: certificateName(request), grant: null }
    if (!open || (await tokens.list()).length > 0) throw unauthenticated('expected "Authorization: Bearer TOKEN"')
    refuseOtherSites(request)
    return { name: 'local', grant: null }
  }
}

/** Without tokens a page of any site could ask through its visitor's browser: those name their origin, or a host that only resolves to this machine. */
function refuseOtherSites({ headers }: IncomingMessage): void {
  const host = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  if (headers.origin !== undefined || headers['sec-fetch-site'] === 'cross-site' || (host !== '' && !isLoopback(host))) {
    throw new Problem(
      'cross-site',
      'expected a request of a program on this machine; give browsers and proxies a token (slytherin token create NAME)'
    )
  }
}

function certificateName(request: IncomingMessage): string {
  const name: unknown = (request.socket as TLSSocket).getPeerCertificate?.().subject?.CN
  return typeof name === 'string' ? name.replace(/[^\w.@ -]/g, '?').slice(0, 128) : 'certificate'
}

const unauthenticated = (detail: string): Problem => new Problem('unauthenticated', detail)
