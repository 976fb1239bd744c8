// Loads the addon in a thread of its own and begins an activity, or all that a client's life is.
import { parentPort, workerData } from 'node:worker_threads';
import { ACTIVITIES, type Activity, type Place } from './activities.ts';
import { addonUnderTest } from './addon.ts';

const { activity, place } = workerData as { activity: Activity; place: Place };
await ACTIVITIES[activity](addonUnderTest(), place);
parentPort?.postMessage('begun');
