import Foundation
import TestSupport
import Testing

/// How far a run is behind its topics, as those see it who look on.
@Suite struct LagTests {
    @Test("Metrics say how far each partition is read, and what each output was given")
    func metrics() throws {
        let (cluster, folder) = (try MockCluster(topics: ["payments": 2, "assessments": 1]), try TemporaryFolder())
        try Topic(brokers: cluster.brokers, name: "payments").write(try OnceTests.payments(500))
        _ = try folder.write(
            "c.yaml",
            """
            inputs: {all: {kafka: {topic: payments}}}
            outputs: {assessments: {kafka: {topic: assessments}}}
            kafka: {brokers: "\(cluster.brokers)"}
            """)
        let run = try Binary.shell(
            """
            trap 'kill -KILL $run 2>/dev/null || true' EXIT
            $ASSAY score -c c.yaml --listen 127.0.0.1:0 2> notes & run=$!
            for round in $(seq 900); do
                at=$(sed -n 's/^assay: listening at //p' notes)
                [ -n "$at" ] && curl -s $at/metrics > page && grep -q '^assay_input_lag{.*"1"} 0$' page \\
                    && grep -q '^assay_input_lag{.*"0"} 0$' page && break
                sleep 0.1
            done
            grep '^assay_input_lag' page | sort
            grep '^assay_input_lines_total' page | awk '{ all += $2 } END { print all }'
            grep '^assay_sink_rows_total' page | grep -o 'kafka.*"} [0-9]*' | grep -o '[0-9]*$'
            promtool check metrics < page && echo checked
            """, in: folder)
        #expect(
            run.lines.prefix(3) == [
                "assay_input_lag{source=\"all\",partition=\"0\"} 0",
                "assay_input_lag{source=\"all\",partition=\"1\"} 0",
                "500",
            ], "\(run)")
        #expect(run.lines.last == "checked" && (Int(run.lines[3]) ?? 0) > 400, "\(run)")
    }
}
