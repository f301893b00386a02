/** The page as files that any HTTP server can serve, and the headers that it is to be served with. It asks its own origin for `status.json`, and nobody for anything else. */
import { FAVICON, HTML, SCRIPT, STYLE } from './generated/page.js'

/** A file of the page, ready to be served. */
export interface PageFile {
  /** Content type of the response. */
  readonly type: string
  /** Its contents, UTF-8. */
  readonly body: string
}

/** By path. */
export const PAGE_FILES: ReadonlyMap<string, PageFile> = new Map([
  ['/', { type: 'text/html; charset=utf-8', body: HTML }],
  ['/dashboard.js', { type: 'text/javascript; charset=utf-8', body: SCRIPT }],
  ['/dashboard.css', { type: 'text/css; charset=utf-8', body: STYLE }],
  ['/favicon.svg', { type: 'image/svg+xml', body: FAVICON }]
])

const POLICY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self'",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
  'require-trusted-types-for': "'script'",
  'trusted-types': "'none'"
}

/** Only the page's own files run in it, no other page shows it in a frame or reads what it is made of. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': Object.entries(POLICY)
    .map(([directive, value]) => `${directive} ${value}`)
    .join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY'
}
