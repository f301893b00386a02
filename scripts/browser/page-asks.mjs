/**
 * The page of @slytherin/web against real processes: let in by its token, a sample and a drawing answered, nothing of them on the line, no grant no answer; looks,
 * accessibility, Lighthouse. By itself: `node scripts/browser/page-asks.mjs [--screenshots]`.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { withPageCohort } from '../../scenarios/dist/browser/serve.js'
import { loadServiceScenario } from '../../scenarios/dist/service/description.js'
import { OWNER } from '../../scenarios/dist/service/parties.js'
import { expectAccessible, tabStops } from './accessibility.mjs'
import { startChromium } from './chromium.mjs'
import { expectLighthouse } from './lighthouse.mjs'
import { forEachLook, watch } from './looks.mjs'
import { recordingProxy } from './recording-proxy.mjs'
import { takeScreenshot } from './screenshot.mjs'

const at = path => fileURLToPath(new URL(`../../${path}`, import.meta.url))
/** A busy machine takes its time. */
const PATIENCE = 180_000
/** Script and one kernel of the page, compressed by gzip, bytes. */
const MOST = 200_000
/** Consecutive bytes of an image, as it is asked, that must not be seen on the line. */
const RUN = 8

export async function pageAsks(browser, { screenshots = process.argv.includes('--screenshots') } = {}) {
  const { total } = JSON.parse(await readFile(at('packages/web/dist/assets/sizes.json'), 'utf8'))
  assert.ok(total <= MOST, `script and kernel are ${total} bytes compressed by gzip`)
  const loaded = await loadServiceScenario(at('scenarios/demo.yaml'))
  const scenario = { ...loaded, queriers: 0, decryptions: 4096, models: loaded.models.map(model => ({ ...model, batch: 1 })) }
  let proxy
  const front = async url => {
    proxy = await recordingProxy(url)
    return proxy.url
  }
  const onLine = text => console.log(`  ${text}`)
  const options = { port: 0, keep: false, front, onLine, signal: new AbortController().signal }
  await withPageCohort(scenario, options, async ({ url, origin, processes }) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
    const page = await context.newPage()
    page.setDefaultTimeout(PATIENCE)
    const failures = watch(page, origin)
    await page.goto(url)
    await page.waitForFunction(() => /lets this page ask/.test(globalThis.document.querySelector('#state-text').textContent))
    assert.equal(new URL(page.url()).hash, '', 'the token stays in the address')

    const bytes = await page.evaluate(() => globalThis.fetch('settings.json').then(response => response.json()))
    for (const label of [3, 7]) await asks(page, `[aria-label="Sample of ${label}"]`, String(label))
    const line = proxy.sent()
    assert.ok(line.length > 100_000, `${line.length} bytes were sent: no ciphertexts`)
    const looked = bytes.samples.map(({ pixels, label }) => [label, unseen(line, Buffer.from(pixels, 'base64'), label)])
    for (const [label, runs] of looked)
      assert.ok(runs > 0 || !['3', '7'].includes(label), `the ${label} that was asked has nothing to look for`)
    console.log(`  ${line.length} bytes on the line, and no ${RUN} bytes of an image among them`)
    if (screenshots) await takeScreenshot(page, at('docs/guide/images/browser-answer.png'), { fullPage: true })

    // A one by keyboard alone: down from the middle of the top.
    await page.click('#wipe')
    await page.focus('#pad')
    for (let k = 0; k < 7; k++) await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Space')
    for (let k = 0; k < 14; k++) await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Space')
    await answered(page, '1')
    await expectAccessible(page, 'the page with an answer')
    // Tab goes on from where was clicked last.
    await page.click('h1')
    const stops = await tabStops(page)
    for (const id of ['#pad', '#wipe', '#ask'])
      assert.ok(
        stops.some(stop => stop.includes(id)),
        `Tab does not lead to ${id}: ${stops}`
      )
    assert.deepEqual(failures, [])

    await refused(page, processes)
    await context.close()
    await uninvited(browser, origin)
    const visit = async (look, { name }) => {
      await look.waitForFunction(() => globalThis.document.querySelectorAll('#samples button').length === 10)
      await look.click('[aria-label="Sample of 5"]')
      await expectAccessible(look, name)
      if (screenshots) await takeScreenshot(look, at(`docs/guide/images/browser-${name}.png`))
    }
    // Whoever is not let in is told by a connection that closes, which browsers write to the console.
    await forEachLook(browser, origin, visit, { expected: /WebSocket/ })
    console.log(`  Lighthouse: ${JSON.stringify(await expectLighthouse(`${origin}/`, { accessibility: 100, performance: 95 }))}`)
  }).finally(() => proxy?.close())
}

async function asks(page, button, expected) {
  await page.click(button)
  await answered(page, expected)
}

async function answered(page, expected) {
  const begun = performance.now()
  await noteSteps(page)
  await page.click('#ask')
  await page
    .waitForFunction(() => /answer|There is no/.test(globalThis.document.querySelector('#answer').textContent))
    .catch(async error => {
      const shown = await page.$$eval('#phases, #error, #answer, #state-text', parts =>
        parts.map(part => part.textContent.replace(/\s+/g, ' '))
      )
      throw new Error(`no answer; the page shows ${JSON.stringify(shown)}`, { cause: error })
    })
  assert.equal(await page.textContent('#error'), '')
  assert.equal(await page.textContent('#answer strong'), expected)
  const spent = await page.$$eval('#phases .detail', details => details.map(detail => detail.textContent))
  console.log(
    `  ${expected} in ${((performance.now() - begun) / 1000).toFixed(2)} s: encrypt ${spent[0]}, queue ${spent[1]}, compute ${spent[2]}, read ${spent[3]}`
  )
  console.log(`    ${(await page.evaluate(() => globalThis.steps)).map(([at, text]) => `${(at / 1000).toFixed(2)} ${text}`).join('; ')}`)
  assert.equal(await page.locator('#bars li').count(), 10)
}

/** When the page says that it begins what. */
async function noteSteps(page) {
  await page.evaluate(() => {
    const begun = performance.now()
    const steps = []
    globalThis.steps = steps
    globalThis.watcher?.disconnect()
    globalThis.watcher = new MutationObserver(() => {
      const text = globalThis.document.querySelector('#phases .now .detail')?.textContent.replace(/^\d+ of \d+(, )?/, '') ?? ''
      if (text !== '' && steps.at(-1)?.[1] !== text) steps.push([performance.now() - begun, text])
    })
    globalThis.watcher.observe(globalThis.document.querySelector('#phases'), { subtree: true, childList: true, characterData: true })
  })
}

/** No run of an image's bytes, where it is not all ground: how many there are. */
function unseen(line, image, label) {
  let looked = 0
  for (let k = 0; k + RUN <= image.length; k++) {
    const run = image.subarray(k, k + RUN)
    if (run.filter(byte => byte > 0).length < RUN - 2) continue
    looked++
    assert.ok(!line.includes(run), `bytes of the ${label} are on the line`)
  }
  return looked
}

/** A grant that was revoked: the evaluator's typed error is shown. */
async function refused(page, processes) {
  const [grant] = await processes.ask(OWNER, 'grant.list', {})
  await processes.ask(OWNER, 'grant.revoke', { grant: grant.grant })
  await page.waitForTimeout(500)
  if (!(await page.isDisabled('#ask'))) {
    await page.click('#ask')
    await page.waitForFunction(() => globalThis.document.querySelector('#error').textContent !== '')
    assert.match(await page.textContent('#error'), /grant-refused|NoGrantError/)
  }
  await page.reload()
  await page.waitForFunction(() => /no grant|lets/.test(globalThis.document.querySelector('#state-text').textContent))
  assert.match(await page.textContent('#state-text'), /has given this page no grant/)
}

/** A second page, without a token, or with one that was taken. */
async function uninvited(browser, origin) {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(`${origin}/#token=${'A'.repeat(43)}`)
  await page.waitForFunction(() => /not the token/.test(globalThis.document.querySelector('#error').textContent), undefined, {
    timeout: PATIENCE
  })
  assert.ok(await page.isDisabled('#ask'))
  await context.close()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const browser = await startChromium()
  try {
    await pageAsks(browser)
  } finally {
    await browser.close()
  }
}
