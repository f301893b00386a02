import { ConfigurationError, type ConfigurationIssue, parseServiceConfiguration } from '@slytherin/node'
import { describe, expect, it } from 'vitest'
import { addToRoster, removeFromRoster } from '../src/configuration/roster-file.js'
import { serviceTemplate } from '../src/configuration/templates.js'
import { identity } from './support/network.js'

const [self, other, third] = [(await identity()).peer, (await identity()).peer, (await identity()).peer]

const TEMPLATE = serviceTemplate({
  name: 'clinic',
  state: 'clinic',
  keystore: ['keyFile', 'clinic.key'],
  listen: ['/ip4/0.0.0.0/tcp/4001'],
  rosterLine: `- { name: clinic, peerId: ${self}, roles: [evaluator, querier], addresses: [/dns4/clinic.example/tcp/4001] }`,
  evaluator: 'clinic'
})

function issuesOf(text: string): readonly ConfigurationIssue[] {
  try {
    parseServiceConfiguration(text, '/etc/slytherin/party.yaml')
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError)
    return (error as ConfigurationError).issues
  }
  return []
}

describe('party.yaml of a service', () => {
  it('as init writes it says every default as it is', () => {
    const plain = parseServiceConfiguration(TEMPLATE, '/etc/slytherin/party.yaml')
    const spelled = TEMPLATE.replace(/^(\s*)#(?=[a-zA-Z]+: )/gm, '$1')
    expect(spelled).not.toBe(TEMPLATE)
    expect(parseServiceConfiguration(spelled, '/etc/slytherin/party.yaml')).toEqual(plain)
    expect(plain).toMatchObject({
      name: 'clinic',
      state: '/etc/slytherin/clinic',
      keystore: { keyFile: '/etc/slytherin/clinic.key' },
      cohort: { evaluator: 'clinic', limits: { queries: 1000 }, policy: { minimumThreshold: 0.5 } }
    })
    // Whatever the schema knows of limits and policy stands in the template.
    for (const key of [...Object.keys(plain.cohort.limits), ...Object.keys(plain.cohort.policy)]) expect(TEMPLATE).toContain(`#${key}: `)
  })

  it('names every fault at once, with what was probably meant', () => {
    const bad = TEMPLATE.replace('  limits:', '  limits:\n    querys: 3')
      .replace('evaluator: clinic', 'evaluator: carol')
      .replace('#costs:', 'cost:')
    expect(issuesOf(bad)).toEqual([
      expect.objectContaining({ key: 'cohort.limits.querys', remedy: 'Did you mean "queries"?' }),
      expect.objectContaining({ key: 'cost', remedy: 'Did you mean "costs"?' })
    ])
    expect(issuesOf(TEMPLATE.replace('evaluator: clinic', 'evaluator: carol'))).toEqual([
      {
        key: 'cohort.evaluator',
        expected: 'name or peer id of an evaluator of the roster',
        got: '"carol"',
        remedy: 'Parties of the roster with the role evaluator: clinic.'
      }
    ])
    expect(issuesOf(TEMPLATE.replace(/^cohort:[\s\S]*?\n\n/m, ''))[0]).toMatchObject({
      key: 'cohort',
      remedy: expect.stringContaining('--cohort')
    })
  })
})

describe('the roster of a party.yaml', () => {
  const line = (name: string, peer: string): string => `- { name: ${name}, peerId: ${peer}, roles: [key-holder], addresses: [] }`

  it('is added to, changed and cut without touching anything else', () => {
    const one = addToRoster(TEMPLATE, line('b', other), 'party.yaml')
    expect(one.name).toBe('b')
    expect(parseServiceConfiguration(one.text, 'party.yaml').roster.map(({ name }) => name)).toEqual(['clinic', 'b'])
    // A line of the same peer takes its place; without the dash it is a line, too.
    const two = addToRoster(addToRoster(one.text, line('c', third).slice(2), 'party.yaml').text, line('b2', other), 'party.yaml')
    expect(parseServiceConfiguration(two.text, 'party.yaml').roster.map(({ name }) => name)).toEqual(['clinic', 'b2', 'c'])
    const back = removeFromRoster(removeFromRoster(two.text, 'b2', 'party.yaml').text, third, 'party.yaml')
    expect(back).toEqual({ text: TEMPLATE, name: 'c' })
  })

  it('is changed where its entries take several lines, and where it is written in brackets', () => {
    const block = TEMPLATE.replace(
      / {2}- \{ name.*\n/,
      `  - name: clinic # ours\n    peerId: ${self}\n    roles: [evaluator]\n  - name: b\n    peerId: ${other}\n    roles: [key-holder]\n`
    )
    const added = addToRoster(block, line('c', third), 'party.yaml').text
    expect(added.split('\n').length).toBe(block.split('\n').length + 1)
    expect(removeFromRoster(added, 'c', 'party.yaml').text).toBe(block)
    const cut = removeFromRoster(added, 'b', 'party.yaml').text
    expect(parseServiceConfiguration(cut, 'party.yaml').roster.map(({ name }) => name)).toEqual(['clinic', 'c'])
    expect(cut).toContain('name: clinic # ours')
    const brackets = TEMPLATE.replace(/roster:\n {2}- (.*)\n/, 'roster: [$1]\n')
    const more = addToRoster(brackets, line('c', third), 'party.yaml').text
    expect(parseServiceConfiguration(more, 'party.yaml').roster.map(({ name }) => name)).toEqual(['clinic', 'c'])
  })

  it('refuses what is no line, and whom it does not have', () => {
    for (const bad of ['nonsense', '- {', '[]', '- { name: x }', `${line('a', other)}\n${line('b', third)}`]) {
      expect(() => addToRoster(TEMPLATE, bad, 'party.yaml'), bad).toThrow(/expected a roster line/)
    }
    expect(() => removeFromRoster(TEMPLATE, 'nobody', 'party.yaml')).toThrow(/got a roster of clinic/)
  })
})
