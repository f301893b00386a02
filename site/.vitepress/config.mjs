/** The site: no fonts, scripts or search from elsewhere. */
const packages = ['slytherin', 'ring', 'ckks', 'mhe', 'engine', 'protocol', 'gateway', 'fleet', 'dashboard', 'node', 'web']

export default {
  title: 'slytherin',
  description: 'Encrypted prediction between parties who do not trust each other',
  srcDir: 'pages',
  outDir: 'dist',
  cleanUrls: false,
  // The reference is generated beside the pages.
  ignoreDeadLinks: [/^\/api\//],
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      { text: 'First steps', link: '/guide/first-steps' },
      { text: 'Security', link: '/security' },
      { text: 'Reference', link: '/api/index.html', target: '_self' }
    ],
    outline: [2, 3],
    sidebar: [
      {
        text: 'Using it',
        items: [
          { text: 'First steps', link: '/guide/first-steps' },
          { text: 'Your own network', link: '/guide/own-network' },
          { text: 'Your own data', link: '/guide/own-data' },
          { text: 'Ask from a browser', link: '/guide/browser' },
          { text: 'Ask from programs', link: '/gateway' },
          { text: 'Ask from Python', link: '/python' },
          { text: 'Choosing a scenario', link: '/guide/scenarios' },
          { text: 'Scenario files', link: '/scenarios' },
          { text: 'Glossary', link: '/guide/glossary' }
        ]
      },
      {
        text: 'Running it',
        items: [
          { text: 'A service among machines', link: '/service' },
          { text: 'Operations', link: '/operations' },
          { text: 'Past one machine', link: '/beyond-one-machine' },
          { text: 'Units, images, manifests', link: '/deploy' },
          { text: 'Security', link: '/security' }
        ]
      },
      {
        text: 'Building on it',
        items: [
          { text: 'Overview, measured', link: '/overview' },
          { text: 'Architecture', link: '/architecture' },
          { text: 'Contributing', link: '/contributing' },
          { text: 'Reference', link: '/api/index.html', target: '_self' }
        ]
      },
      { text: 'Packages', collapsed: true, items: packages.map(name => ({ text: name, link: `/packages/${name}` })) }
    ]
  }
}
