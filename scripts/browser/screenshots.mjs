/**
 * Pictures for the documentation: `node scripts/browser/screenshots.mjs` after `npm run build`, into docs/images: dashboards, and a report. Those of the page that asks:
 * `node scripts/browser/page-asks.mjs --screenshots`.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChromium } from './chromium.mjs'
import { photographDashboards } from './dashboard.mjs'
import { forEachLook } from './looks.mjs'
import { takeScreenshot } from './screenshot.mjs'
import { serve } from './serve.mjs'

const REPORTS = fileURLToPath(new URL('../../docs/reports', import.meta.url))
const REPORT = 'cryptonet-square-both-83.html'
const IMAGES = fileURLToPath(new URL('../../docs/images', import.meta.url))

async function photographReport(browser) {
  const { address, close } = await serve(REPORTS)
  try {
    await forEachLook(browser, new URL(REPORT, address).href, async (page, { name }) => {
      const file = join(IMAGES, `report-${name}.png`)
      console.log(`${file}: ${Math.round((await takeScreenshot(page, file)) / 1000)} kB`)
    })
  } finally {
    close()
  }
}

const browser = await startChromium()
try {
  await photographReport(browser)
  if (!process.argv.includes('--report-alone')) await photographDashboards(browser, IMAGES)
} finally {
  await browser.close()
}
