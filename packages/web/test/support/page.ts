/** A page that asks: what crosses to Node and back is base64. */
import { PageQuerier, type PageQuery } from '@slytherin/web'

const encode = (bytes: Uint8Array): string => bytes.toBase64()
const decode = (text: string): Uint8Array => Uint8Array.fromBase64(text)

let querier: PageQuerier
let query: PageQuery

Object.assign(globalThis, {
  open: async (plan: unknown, publicKey: string) => {
    querier = await PageQuerier.open({ plan, publicKey: decode(publicKey) })
    return encode(querier.resultKey)
  },
  encrypt: (rows: number[][]) => {
    query = querier.encrypt(rows)
    return query.inputs.map(encode)
  },
  read: (results: string[]) =>
    query.read(results.map(decode)).map(({ outputs, deviations }) => ({ value: outputs[0], deviation: deviations?.[0] }))
})
