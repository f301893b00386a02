#!/usr/bin/env node
import '@slytherin/node/command'
