/// Reads where the streams of a pipeline go.
struct OutputReading {
    let path: String

    func outputs(
        _ node: YAMLNode, _ members: YAMLMembers
    ) throws(ConfigurationError) -> [PipelineDefinition.Output] {
        var outputs: [PipelineDefinition.Output] = []
        for (stream, position, value) in try members.entries(node, "outputs") {
            let name = SourceText(text: stream, position: position, textPosition: position)
            if case .list(let elements) = value.content {
                for element in elements { outputs.append(try output(element, of: name)) }
            } else {
                outputs.append(try output(value, of: name))
            }
        }
        return outputs
    }

    private func output(_ node: YAMLNode, of stream: SourceText) throws(ConfigurationError) -> PipelineDefinition.Output
    {
        func output(_ target: PipelineDefinition.Output.Target) -> PipelineDefinition.Output {
            PipelineDefinition.Output(stream: stream, target: target, position: node.position)
        }
        if case .scalar("stdout", _) = node.content { return output(.standardOutput) }
        guard case .map = node.content else {
            throw ConfigurationError(
                path: path, position: node.position,
                message:
                    "an output is stdout, {jsonl: FILE}, {csv: FILE}, {parts: FOLDER} or {sqlite: FILE, table: NAME}")
        }
        var members = try YAMLMembers(node, "an output of '\(stream.text)'", path: path)
        let target: PipelineDefinition.Output.Target
        if let file = members.take("jsonl") {
            target = .file(try members.text(file, "jsonl").text, .jsonl)
        } else if let file = members.take("csv") {
            target = .file(try members.text(file, "csv").text, .csv)
        } else if let folder = members.take("parts") {
            target = .parts(try parts(try members.text(folder, "parts").text, &members))
        } else if let file = members.take("sqlite") {
            target = .table(try table(try members.text(file, "sqlite").text, &members))
        } else {
            try members.finish()
            throw members.fault(
                "an output is stdout, {jsonl: FILE}, {csv: FILE}, {parts: FOLDER} or {sqlite: FILE, table: NAME}",
                node.position)
        }
        try members.finish()
        return output(target)
    }

    private func parts(
        _ folder: String, _ members: inout YAMLMembers
    ) throws(ConfigurationError) -> PipelineDefinition.PartSettings {
        var parts = PipelineDefinition.PartSettings(folder: folder)
        if let format = members.take("format") { parts.format = try members.choice(format, "format") }
        guard let roll = members.take("roll") else { return parts }
        var rolling = try YAMLMembers(roll, "'roll'", path: path)
        if let size = rolling.take("size") { parts.bytes = try rolling.bytes(size, "size") }
        if let time = rolling.take("every") { parts.milliseconds = try rolling.milliseconds(time, "every") }
        if let rows = rolling.take("count") { parts.rows = try rolling.count(rows, "count") }
        try rolling.finish()
        return parts
    }

    private func table(
        _ file: String, _ members: inout YAMLMembers
    ) throws(ConfigurationError) -> PipelineDefinition.TableSettings {
        let name = try members.text(try members.require("table"), "table")
        guard PipelineName.isName(name.text), !name.text.lowercased().hasPrefix("sqlite_"),
            name.text.lowercased() != "assay_delivery"
        else {
            throw members.fault(
                "a table's name has letters, digits and _ alone and is none of SQLite's or our own, unlike "
                    + "'\(name.text)'", name.position)
        }
        var table = PipelineDefinition.TableSettings(path: file, table: name.text)
        if let indexes = members.take("indexes") {
            for element in try members.elements(indexes, "indexes") {
                table.indexes.append(try members.text(element, "indexes"))
            }
        }
        if let appends = members.take("append") { table.appends = try members.truth(appends, "append") }
        return table
    }
}
