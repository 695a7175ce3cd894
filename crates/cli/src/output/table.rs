//! Columns for people, in kubectl's manner: upper-case heads, two spaces between columns, no borders.

use super::terminal::on_line;

/// Rows under heads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these heads.
    pub(crate) fn new<S: Into<String>>(heads: impl IntoIterator<Item = S>) -> Self {
        Self { heads: heads.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(|c| on_line(&c.into().replace(['\n', '\t'], " ")).into_owned()).collect());
    }

    /// The text, a line a row.
    pub(crate) fn render(&self) -> String {
        let mut widths: Vec<usize> = self.heads.iter().map(|h| h.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut out = String::new();
        for row in std::iter::once(&self.heads).chain(&self.rows) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                let pad = width.saturating_sub(cell.chars().count()) + 2;
                line.extend(std::iter::repeat_n(' ', pad));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = super::Table::new(["NAME", "STATUS"]);
        table.row(["mnist-xgboost", "Completed"]);
        table.row(["é", "a\nb"]);
        assert_eq!(table.render(), "NAME           STATUS\nmnist-xgboost  Completed\né              a b\n");
    }
}
