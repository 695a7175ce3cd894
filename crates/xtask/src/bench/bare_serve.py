"""The bare model behind Python's own threaded HTTP server: one CSV row in, one class out.

Arguments: model, port. Keep-alive, one write an answer and no Nagle, so that it is as fast as plain Python gets.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import xgboost as xgb

booster = xgb.Booster(model_file=sys.argv[1])
booster.set_param({"nthread": 1})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        row = np.array(body.split(","), dtype=np.float32).reshape(1, -1)
        answer = str(booster.inplace_predict(row)[0]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.wfile.flush()

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
