/**
 * Dashboards of a small cohort of processes: every party's page opens, a query goes through its phases on the evaluator's, and the page is held to what people need
 * who use a keyboard, a screen reader, a telephone or a dark room.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadServiceScenario } from '../../scenarios/dist/service/description.js'
import { EVALUATOR, ServiceProcesses } from '../../scenarios/dist/service/parties.js'
import { prepare } from '../../scenarios/dist/service/prepare.js'
import { expectAccessible, tabStops } from './accessibility.mjs'
import { expectLighthouse } from './lighthouse.mjs'
import { forEachLook, watch } from './looks.mjs'
import { takeScreenshot } from './screenshot.mjs'

const SCENARIO = fileURLToPath(new URL('../../scenarios/small-service.yaml', import.meta.url))
const QUERIER = 'querier-1'
const WITNESS = 'witness-1'
/** For all of it, milliseconds, on a machine that is busy with other things. */
const PATIENCE = 900_000

/**
 * @param {import('playwright-core').Browser} browser
 * @param {{ runs?: number }} options of Lighthouse, at most
 * @returns Lighthouse's scores
 */
export async function watchDashboards(browser, { runs } = {}) {
  return await withCohort(async ({ scenario, processes, signal }) => {
    const begun = performance.now()
    await followQuery(browser, scenario, processes, signal)
    for (const { name, dashboard } of processes.parties) await opens(browser, name, dashboard)
    const { dashboard } = processes.party(EVALUATOR)
    await forEachLook(browser, dashboard, async (page, { name }) => {
      await page.waitForSelector('#events')
      await expectAccessible(page, `dashboard, ${name},`)
    })
    await usesKeyboard(browser, dashboard)
    const scores = await expectLighthouse(dashboard, runs)
    console.log(`  every party's opens; accessible in all looks; Lighthouse ${JSON.stringify(scores)}; ${seconds(begun)} s`)
    return { lighthouse: scores }
  })
}

/** @param {string} folder for pictures of an evaluator's page and of a key holder's, in all looks */
export async function photographDashboards(browser, folder) {
  await withCohort(async ({ scenario, processes, signal }) => {
    for (let k = 0; k < 2; k++) await processes.ask(QUERIER, 'query.ask', { ...questionOf(scenario), follow: true }, { signal })
    for (const name of [EVALUATOR, 'holder-1']) {
      await forEachLook(browser, processes.party(name).dashboard, async (page, look) => {
        await page.waitForSelector('#events')
        const file = join(folder, `dashboard-${name}-${look.name}.png`)
        console.log(`${file}: ${Math.round((await takeScreenshot(page, file)) / 1000)} kB`)
      })
    }
  })
}

async function withCohort(body) {
  const scenario = { ...(await loadServiceScenario(SCENARIO)), queriers: 1 }
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-dashboard-'))
  const processes = await ServiceProcesses.lay(scenario, directory, { dashboards: true })
  const signal = AbortSignal.timeout(PATIENCE)
  try {
    const begun = performance.now()
    await Promise.all(processes.parties.map(async ({ name }) => await processes.start(name, signal)))
    await prepare(scenario, processes, { signal, onLine: () => undefined })
    console.log(`Dashboards of ${processes.parties.length} processes, up with keys and a model after ${seconds(begun)} s`)
    return await body({ scenario, processes, signal })
  } finally {
    await processes.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

/** A query waits where it is looked at: for a witness that is away, then for whoever asked. */
async function followQuery(browser, scenario, processes, signal) {
  const page = await openPage(browser)
  try {
    const { dashboard } = processes.party(EVALUATOR)
    const failures = watch(page, dashboard)
    await page.goto(dashboard)
    await page.waitForSelector('#events')
    await processes.end(WITNESS)
    const { query } = await processes.ask(QUERIER, 'query.ask', { ...questionOf(scenario), follow: false }, { signal })
    const card = page.locator(`[data-query="${query}"]`)
    const present = card.locator('[aria-current=step]')
    const said = async (place, text) => await place.filter({ hasText: text }).first().waitFor({ timeout: PATIENCE })
    await said(present, 'evaluation')
    await said(card, `waiting for witnesses: ${WITNESS}`)
    const layers = await card.locator('tbody tr').allTextContents()
    assert.ok(layers.length >= 3, `layers before the witness is back: ${layers}`)
    for (const layer of layers) assert.match(layer, /\d m?s\d+2\^−\d/)
    await processes.start(WITNESS, signal)
    await said(present, 'answer waits')
    const { answer } = await processes.ask(QUERIER, 'query.fetch', { query }, { signal })
    await said(card.locator('.badge'), 'answer fetched')
    assert.match(await page.locator('header [role=status]').textContent(), /answer fetched/)
    assert.equal(await present.count(), 0)
    assert.deepEqual(failures, [])
    await tellNothing(processes, answer.logits.flat())
    console.log(
      `  a query went through its phases: evaluation, waiting for a witness, answer waits, answer fetched; ${layers.length} layers`
    )
  } finally {
    await page.close()
  }
}

/** What was asked and answered is on no page. */
async function tellNothing(processes, logits) {
  for (const { name, dashboard } of processes.parties) {
    const text = await (await fetch(new URL('status.json', dashboard))).text()
    for (const logit of logits) assert.ok(!text.includes(String(logit).slice(0, 9)), `${name} tells of an answer: ${logit}`)
  }
}

async function opens(browser, name, address) {
  const page = await openPage(browser)
  try {
    const failures = watch(page, address)
    await page.goto(address)
    await page.getByRole('heading', { level: 1, name, exact: true }).waitFor()
    await page
      .locator('header .badge')
      .filter({ hasText: /^ready$/ })
      .waitFor({ timeout: PATIENCE })
    assert.deepEqual(await page.getByRole('heading', { level: 2 }).allTextContents(), [
      'Queries',
      'Keys',
      'Peers',
      'Models',
      'Grants',
      'Events'
    ])
    assert.deepEqual(failures, [], name)
  } finally {
    await page.close()
  }
}

async function usesKeyboard(browser, address) {
  const page = await openPage(browser)
  try {
    await page.goto(address)
    await page.waitForSelector('#events')
    const stops = await tabStops(page)
    assert.equal(stops[0], 'a Skip to content')
    for (const wanted of [/^button Pause/, /^a Keys/, /^summary tumours/, /^section Parties of the roster/, /^a status.json/])
      assert.ok(
        stops.some(stop => wanted.test(stop)),
        `Tab does not lead to ${wanted}: ${stops.join(' | ')}`
      )
    const pause = page.getByRole('button', { name: 'Pause' })
    await pause.focus()
    await page.keyboard.press('Space')
    assert.equal(await pause.getAttribute('aria-pressed'), 'true')
    const card = page.locator('details').first()
    const before = await card.evaluate(({ open }) => open)
    await card.locator('summary').focus()
    await page.keyboard.press('Enter')
    assert.equal(await card.evaluate(({ open }) => open), !before)
  } finally {
    await page.close()
  }
}

async function openPage(browser) {
  const page = await browser.newPage()
  page.setDefaultTimeout(PATIENCE)
  return page
}

function questionOf({ models: [{ name: model, data }] }) {
  const { scale, mean, deviation } = data.normalisation
  return { model, samples: { file: data.samples, scale, mean, deviation, count: 8, offset: 0 } }
}

const seconds = since => ((performance.now() - since) / 1000).toFixed(0)
