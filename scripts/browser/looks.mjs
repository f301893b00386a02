/** The ways in which every page of the project is looked at: wide and as on a telephone, light and dark. */
import assert from 'node:assert/strict'

const WIDTHS = { wide: { width: 1280, height: 900 }, narrow: { width: 390, height: 844 } }

/** `name` is "wide-light" and so on: for file names and messages. */
export const LOOKS = Object.entries(WIDTHS).flatMap(([width, viewport]) =>
  ['light', 'dark'].map(colorScheme => ({ name: `${width}-${colorScheme}`, viewport, colorScheme }))
)

/**
 * Opens `address` in a new page for every look and calls `visit(page, look)`; demands that nothing went wrong in the page, that it asked no other
 * host for anything and that it does not scroll sideways.
 *
 * @param {import('playwright-core').Browser} browser
 * @param {string} address
 * @param {(page: import('playwright-core').Page, look: (typeof LOOKS)[number]) => Promise<void>} visit
 * @param {{ expected?: RegExp }} options what the page may fail with, or write to its console
 */
export async function forEachLook(browser, address, visit, { expected } = {}) {
  for (const look of LOOKS) {
    const { viewport, colorScheme } = look
    const page = await browser.newPage({ viewport, colorScheme })
    try {
      const failures = watch(page, address)
      await page.goto(address)
      await visit(page, look)
      await expectNoSidewaysScrolling(page, look.name)
      const unexpected = failures.filter(failure => expected?.test(failure) !== true)
      assert.deepEqual(unexpected, [], `${address} as ${look.name}`)
    } finally {
      await page.close()
    }
  }
}

/**
 * @param {import('playwright-core').Page} page before it opens `address`
 * @returns {string[]} what has gone wrong in the page by the time it is read: exceptions, errors on its console (violations of its content security policy among
 *   them), requests to other origins than that of `address`
 */
export function watch(page, address) {
  const failures = []
  const { origin } = new URL(address)
  page.on('pageerror', error => failures.push(error.message))
  page.on('console', message => message.type() === 'error' && failures.push(message.text()))
  page.on('request', request => {
    const url = request.url()
    if (!url.startsWith('data:') && !url.startsWith('blob:') && new URL(url).origin !== origin) failures.push(`asked for ${url}`)
  })
  return failures
}

async function expectNoSidewaysScrolling(page, name) {
  const { content, visible } = await page.evaluate(() => ({
    content: globalThis.document.documentElement.scrollWidth,
    visible: globalThis.document.documentElement.clientWidth
  }))
  assert.ok(content <= visible, `as ${name} the page is ${content} pixels wide and shows ${visible}`)
}
