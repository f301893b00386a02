/**
 * The page of @slytherin/web against real processes: let in by its token, a sample and a drawing answered, nothing of them on the line, no grant no answer; looks,
 * accessibility, Lighthouse. By itself: `node scripts/browser/page-asks.mjs [--screenshots]`.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { forPage, withPageCohort } from '../../scenarios/dist/browser/serve.js'
import { loadServiceScenario } from '../../scenarios/dist/service/description.js'
import { OWNER } from '../../scenarios/dist/service/parties.js'
import { expectAccessible, tabStops } from './accessibility.mjs'
import { startChromium } from './chromium.mjs'
import { expectLighthouse } from './lighthouse.mjs'
import { forEachLook, LOOKS, watch } from './looks.mjs'
import { recordingProxy } from './recording-proxy.mjs'
import { takeScreenshot } from './screenshot.mjs'

const at = path => fileURLToPath(new URL(`../../${path}`, import.meta.url))
/** A busy machine takes its time. */
const PATIENCE = 180_000
/** Script and one kernel of the page, compressed by gzip, bytes. */
const MOST = 202_000
/** Consecutive bytes of an image, as it is asked, that must not be seen on the line. */
const RUN = 8

/**
 * @param {import('playwright-core').Browser} browser
 * @param {{ screenshots?: boolean, runs?: number }} options `runs` of Lighthouse at most
 * @returns what was measured: bytes of script and kernel, seconds and bytes of every query, Lighthouse's scores
 */
export async function pageAsks(browser, { screenshots = false, runs } = {}) {
  const { total } = JSON.parse(await readFile(at('packages/web/dist/assets/sizes.json'), 'utf8'))
  assert.ok(total <= MOST, `script and kernel are ${total} bytes compressed by gzip`)
  const scenario = forPage(await loadServiceScenario(at('scenarios/demo.yaml')))
  let proxy
  const front = async url => {
    proxy = await recordingProxy(url)
    return proxy.url
  }
  const onLine = text => console.log(`  ${text}`)
  const options = { port: 0, keep: false, front, onLine, signal: new AbortController().signal }
  return await withPageCohort(scenario, options, async ({ url, origin, processes }) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
    const page = await context.newPage()
    page.setDefaultTimeout(PATIENCE)
    const failures = watch(page, origin)
    await page.goto(url)
    await page.waitForFunction(() => /lets this page ask/.test(globalThis.document.querySelector('#state-text').textContent))
    assert.equal(new URL(page.url()).hash, '', 'the token stays in the address')

    const { samples } = await page.evaluate(() => globalThis.fetch('settings.json').then(response => response.json()))
    const labels = ['3', '7']
    const asked = []
    for (const label of labels) asked.push(await asks(page, `[aria-label="Sample of ${label}"]`, label))
    if (screenshots) await photograph(page)
    const line = proxy.sent()
    assert.ok(line.length > 100_000, `${line.length} bytes were sent: no ciphertexts`)
    for (const { label, pixels } of samples.filter(sample => labels.includes(sample.label)))
      assert.ok(unseen(line, Buffer.from(pixels, 'base64'), label) > 0, `the ${label} that was asked has nothing to look for`)
    console.log(`  ${line.length} bytes on the line, and no ${RUN} bytes of an image that was asked among them`)

    assert.deepEqual(failures, [])
    await isCut(page, proxy)
    assert.deepEqual(
      failures.splice(0).filter(failure => !failure.includes('WebSocket')),
      []
    )

    // A one by keyboard alone: down from the middle of the top.
    await page.click('#wipe')
    await page.focus('#pad')
    for (let k = 0; k < 7; k++) await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Space')
    for (let k = 0; k < 14; k++) await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Space')
    asked.push(await answered(page, '1'))
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
    }
    // Whoever is not let in is told by a connection that closes, which browsers write to the console.
    await forEachLook(browser, origin, visit, { expected: /WebSocket/ })
    const scores = await expectLighthouse(`${origin}/`, runs)
    console.log(`  Lighthouse: ${JSON.stringify(scores)}`)
    return { gzipBytes: total, queries: asked, lighthouse: scores }
  }).finally(() => proxy?.close())
}

/** A connection that is lost for a moment, and a dial that fails meanwhile: the page says so, and asks again when it is back. */
async function isCut(page, proxy) {
  const says = async pattern =>
    await page.waitForFunction(wanted => globalThis.document.querySelector('#state-text').textContent.includes(wanted), pattern)
  proxy.cut(1_500)
  await says('Not connected')
  await says('lets this page ask')
  assert.ok(await page.isEnabled('#ask'), 'the page is connected again, and does not ask')
}

async function asks(page, button, expected) {
  await page.click(button)
  return await answered(page, expected)
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
  const seconds = Number(((performance.now() - begun) / 1000).toFixed(2))
  const spent = await page.$$eval('#phases .detail', details => details.map(detail => detail.textContent))
  console.log(`  ${expected} in ${seconds} s: encrypt ${spent[0]}, queue ${spent[1]}, compute ${spent[2]}, read ${spent[3]}`)
  console.log(`    ${(await page.evaluate(() => globalThis.steps)).map(([at, text]) => `${(at / 1000).toFixed(2)} ${text}`).join('; ')}`)
  const [sent, received] = await Promise.all(['#left-sent', '#left-received'].map(async place => await page.textContent(place)))
  console.log(`    sent ${sent}; received ${received}`)
  assert.equal(await page.locator('#bars li').count(), 10)
  return { seconds, sent, received }
}

/** With its answer, in every look. */
async function photograph(page) {
  const before = page.viewportSize()
  for (const { name, viewport, colorScheme } of LOOKS) {
    await page.setViewportSize(viewport)
    await page.emulateMedia({ colorScheme })
    const file = at(`docs/guide/images/browser-${name}.png`)
    console.log(`  ${file}: ${Math.round((await takeScreenshot(page, file, { fullPage: true })) / 1000)} kB`)
  }
  await page.setViewportSize(before)
  await page.emulateMedia({ colorScheme: null })
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
    await pageAsks(browser, { screenshots: process.argv.includes('--screenshots') })
  } finally {
    await browser.close()
  }
}
