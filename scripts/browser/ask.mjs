/** A page that encrypts samples under the collective key of a cohort outside it, and reads the answers with a key of its own. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleByEsbuild } from '../../packages/slytherin/test/support/bundle.ts'
import { TestCohort } from '../../packages/web/test/support/cohort.ts'
import { serve } from './serve.mjs'

const MODEL = new URL('../../models/onnx/breast-cancer-wdbc-logreg.onnx', import.meta.url)
const PAGE = fileURLToPath(new URL('../../packages/web/test/support/page.ts', import.meta.url))
const ROWS = Array.from({ length: 3 }, (_, seed) => Array.from({ length: 30 }, (_, k) => Math.sin(seed + 0.7 * k)))

export async function askAsPage(browser) {
  const samples = ROWS.map(row => Float64Array.from(row))
  const cohort = await TestCohort.create(await readFile(MODEL), samples, ROWS.length)
  await using bundled = await bundleByEsbuild(PAGE)
  const { raw, gzip } = bundled.size
  console.log(`A page that asks: ${Math.round(raw / 1000)} kB of JavaScript, ${Math.round(gzip / 1000)} kB compressed by gzip`)
  const { address, close } = await serve(bundled.folder, { html: `<!doctype html><script src="/${basename(bundled.script)}"></script>` })
  const page = await browser.newPage()
  try {
    await page.goto(address)
    const started = performance.now()
    const key = await page.evaluate(
      ([plan, publicKey]) => globalThis.open(plan, publicKey),
      [JSON.parse(JSON.stringify(cohort.plan)), Buffer.from(cohort.publicKey).toString('base64')]
    )
    const inputs = await page.evaluate(rows => globalThis.encrypt(rows), ROWS)
    const asked = performance.now()
    const bytes = text => new Uint8Array(Buffer.from(text, 'base64'))
    const results = await cohort.answer(inputs.map(bytes), bytes(key))
    const answered = performance.now()
    const answers = await page.evaluate(
      texts => globalThis.read(texts),
      results.map(result => Buffer.from(result).toString('base64'))
    )
    assert.equal(answers.length, ROWS.length)
    for (const [k, { value, deviation }] of answers.entries()) {
      const error = Math.abs(value - cohort.network.forward(samples[k])[0])
      assert.ok(error > 0 && error < 6 * deviation, `row ${k}: an error of ${error}, with a deviation of ${deviation}`)
    }
    const milliseconds = Math.round(asked - started + performance.now() - answered)
    console.log(`  key, ${ROWS.length} samples encrypted, answers read: ${milliseconds} ms in the page; every answer within six deviations`)
  } finally {
    await page.close()
    close()
    await cohort.dispose()
  }
}
