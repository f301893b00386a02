/** Certificates for tests of mutual TLS, by the openssl command. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'

interface Certified {
  readonly certificate: string
  readonly key: string
}

export interface Certificates {
  /** Of the authority that has signed both. */
  readonly authority: string
  readonly server: Certified
  readonly client: Certified
}

export async function makeCertificates(directory: string): Promise<Certificates> {
  const at = (name: string): string => join(directory, name)
  const openssl = async (...parameters: string[]): Promise<void> => void (await execa('openssl', parameters))
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const usage = ['-addext', 'keyUsage=critical,keyCertSign']
  await openssl('req', '-x509', ...curve, ...usage, '-subj', '/CN=authority', '-keyout', at('authority.key'), '-out', at('authority.pem'))
  const signed = async (name: string, extensions: string): Promise<Certified> => {
    const [key, request, certificate, file] = ['key', 'csr', 'pem', 'ext'].map(kind => at(`${name}.${kind}`)) as [
      string,
      string,
      string,
      string
    ]
    await openssl('req', ...curve.slice(0, -2), '-subj', `/CN=${name}`, '-keyout', key, '-out', request)
    await writeFile(file, extensions)
    const by = ['-CA', at('authority.pem'), '-CAkey', at('authority.key'), '-CAcreateserial', '-days', '2', '-extfile', file]
    await openssl('x509', '-req', '-in', request, ...by, '-out', certificate)
    return { certificate, key }
  }
  return {
    authority: at('authority.pem'),
    server: await signed('server', 'subjectAltName=IP:127.0.0.1,DNS:localhost\n'),
    client: await signed('client', 'extendedKeyUsage=clientAuth\n')
  }
}
