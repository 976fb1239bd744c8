#!/usr/bin/env node
import { program } from '../cli/cli-program.ts';

await program(process.argv);
