/** Stands between a page and a WebSocket server and keeps what the page says, unmasked (RFC 6455). */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/**
 * @param {string} url of the server
 * @returns {Promise<{ url: string, sent: () => Buffer, cut: (milliseconds: number) => void, close: () => void }>} `cut` ends every connection and lets nobody in for so long
 */
export async function recordingProxy(url) {
  const { port } = new URL(url)
  const frames = []
  const open = new Set()
  let cutUntil = 0
  const server = createServer(client => {
    if (performance.now() < cutUntil) {
      client.destroy()
      return
    }
    const upstream = connect(Number(port), '127.0.0.1')
    const read = unmasking(payload => frames.push(payload))
    client.on('data', read)
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => open.delete(socket))
    }
    client.pipe(upstream)
    upstream.pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = milliseconds => {
    cutUntil = performance.now() + milliseconds
    for (const socket of open) socket.destroy()
  }
  return { url: `ws://127.0.0.1:${server.address().port}`, sent: () => Buffer.concat(frames), cut, close: () => server.close() }
}

/** @param {(payload: Buffer) => void} onPayload */
function unmasking(onPayload) {
  let pending = Buffer.alloc(0)
  let upgraded = false
  return piece => {
    pending = Buffer.concat([pending, piece])
    if (!upgraded) {
      const end = pending.indexOf('\r\n\r\n')
      if (end < 0) return
      pending = pending.subarray(end + 4)
      upgraded = true
    }
    for (;;) {
      const frame = frameOf(pending)
      if (frame === undefined) return
      onPayload(frame.payload)
      pending = pending.subarray(frame.end)
    }
  }
}

/** The first frame of the bytes, if it is there as a whole. */
function frameOf(bytes) {
  if (bytes.length < 2) return undefined
  const short = bytes[1] & 0x7f
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0
  const start = 2 + extended + 4
  if (bytes.length < start) return undefined
  const length = extended === 0 ? short : extended === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  if (bytes.length < start + length) return undefined
  const mask = bytes.subarray(start - 4, start)
  const payload = Buffer.from(bytes.subarray(start, start + length))
  for (let k = 0; k < payload.length; k++) payload[k] ^= mask[k % 4]
  return { payload, end: start + length }
}
