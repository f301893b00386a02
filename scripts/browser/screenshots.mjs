/** Pictures for the documentation: `node scripts/browser/screenshots.mjs` after `npm run build`, into docs/images. */
import { fileURLToPath } from 'node:url'
import { startChromium } from './chromium.mjs'
import { photographDashboards } from './dashboard.mjs'

const browser = await startChromium()
try {
  await photographDashboards(browser, fileURLToPath(new URL('../../docs/images', import.meta.url)))
} finally {
  await browser.close()
}
