/** Where a gateway may listen: on loopback as it is; elsewhere only where who asks is known, and nobody reads along. */
import { BlockList, isIP } from 'node:net'

/** Where a gateway is to listen, and what keeps strangers out. */
export interface Binding {
  readonly host: string
  readonly hasTokens: boolean
  /** TLS with a certificate of the gateway's own. */
  readonly tls: boolean
  /** Clients show certificates of an authority that it knows. */
  readonly clientCertificates: boolean
  /** A proxy in front of it speaks TLS with clients. */
  readonly behindProxy: boolean
}

/** A gateway that would let in anybody, or be overheard. */
export class BindingRefusedError extends Error {
  override name = 'BindingRefusedError'
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether a host is `localhost`, in 127.0.0.0/8, or ::1; other names are not looked up. */
export function isLoopback(host: string): boolean {
  const version = isIP(host)
  return host === 'localhost' || (version !== 0 && loopback.check(host, version === 4 ? 'ipv4' : 'ipv6'))
}

/** @throws BindingRefusedError saying what to do */
export function checkBinding({ host, hasTokens, tls, clientCertificates, behindProxy }: Binding): void {
  if (isLoopback(host) && !behindProxy) return
  const where = behindProxy ? 'a gateway behind a proxy' : `a gateway on ${host}`
  if (!hasTokens && !clientCertificates) {
    throw new BindingRefusedError(
      `${where} lets in everybody who reaches it. Make a token (slytherin token create NAME), or demand certificates (--client-authority FILE)`
    )
  }
  if (!tls && !behindProxy) {
    throw new BindingRefusedError(
      `${where} would be sent samples and tokens in the clear. Give it a certificate (--certificate FILE --certificate-key FILE), or, where a proxy in front of it speaks TLS, --behind-proxy`
    )
  }
}
