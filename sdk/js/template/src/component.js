/* What the sidecar calls. The work is in transform.js. */
import { component } from '../streamline/component.js';
import definition from './transform.js';

export const { config, transform } = component(definition);
