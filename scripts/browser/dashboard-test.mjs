/** Dashboards of a small cohort of processes in Chromium: `node scripts/browser/dashboard-test.mjs`, after `npm run build`. */
import { startChromium } from './chromium.mjs'
import { watchDashboards } from './dashboard.mjs'

const browser = await startChromium()
try {
  await watchDashboards(browser)
} finally {
  await browser.close()
}
