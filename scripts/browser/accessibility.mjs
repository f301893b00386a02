/** Whether people who use a keyboard or a screen reader can use a page: axe-core's rules, and where Tab leads. */
import assert from 'node:assert/strict'
import axe from 'axe-core'

/**
 * Demands that axe-core finds nothing against WCAG 2.2, A and AA, and its best practices. Given to the page by the debugger, so that a strict content security
 * policy needs no exception.
 *
 * @param {import('playwright-core').Page} page
 * @param {string} name for messages
 */
export async function expectAccessible(page, name) {
  await page.evaluate(axe.source)
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
  const { violations, passes } = await page.evaluate(async values => {
    const found = await globalThis.axe.run(globalThis.document, { runOnly: { type: 'tag', values } })
    return {
      violations: found.violations.flatMap(({ id, help, nodes }) =>
        nodes.map(node => `${id}: ${help}: ${node.html} ${node.failureSummary}`)
      ),
      passes: found.passes.length
    }
  }, tags)
  assert.deepEqual(violations, [], `${name} is not accessible`)
  assert.ok(passes > 10, `${name}: only ${passes} rules found anything to look at`)
}

/**
 * Presses Tab from the top of the page until the focus comes round again.
 *
 * @param {import('playwright-core').Page} page
 * @returns {Promise<string[]>} of every stop its element, role and name, like "a#layers Layers"
 * @throws AssertionError where the focus cannot be seen
 */
export async function tabStops(page) {
  const stops = []
  await page.evaluate(() => {
    globalThis.document.activeElement?.blur()
    globalThis.scrollTo(0, 0)
  })
  for (;;) {
    await page.keyboard.press('Tab')
    const stop = await page.evaluate(() => {
      const element = globalThis.document.activeElement
      if (element === null || element === globalThis.document.body) return undefined
      const { outlineStyle, outlineWidth, boxShadow } = globalThis.getComputedStyle(element)
      const id = element.id === '' ? '' : `#${element.id}`
      const text = element.getAttribute('aria-label') ?? element.textContent ?? ''
      return {
        name: `${element.localName}${id} ${text.trim().replace(/\s+/g, ' ').slice(0, 60)}`,
        visible: (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none'
      }
    })
    if (stop === undefined || (stops.length > 0 && stop.name === stops[0])) return stops
    assert.ok(stop.visible, `nobody sees that the focus is on ${stop.name}`)
    assert.ok(stops.length < 500, 'the focus goes nowhere')
    stops.push(stop.name)
  }
}
