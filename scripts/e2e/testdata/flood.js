// As many small requests a second as RATE says, for DURATION (15s): for what a run costs.
//
// SUMMARY names a file for k6's end-of-test summary as JSON.

import http from 'k6/http';

export const options = {
  discardResponseBodies: true,
  scenarios: {
    flood: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE || 1000),
      duration: __ENV.DURATION || '15s',
      preAllocatedVUs: 50,
      maxVUs: 100,
    },
  },
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(95)', 'count'],
};

export default function () {
  http.get(`${__ENV.BASE_URL}/fast`, { tags: { name: 'fast' } });
}

export function handleSummary(data) {
  return __ENV.SUMMARY ? { [__ENV.SUMMARY]: JSON.stringify(data) } : {};
}
